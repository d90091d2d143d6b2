"""The form that photographs have, wherever they come from."""

from __future__ import annotations

import numpy as np

from uebench.plugins.base import Split


def fault(train: Split, test: Split, size: int) -> str:
    """Return in a line what is wrong with the two splits of a source, with the remedy, or nothing.

    Args:
        train: What ``Source.read`` returned to train on.
        test: What it returned to test on.
        size: Height and width that it was asked for, in pixels.
    """
    for name, split in (("train", train), ("test", test)):
        wanted = (len(split.labels), 3, size, size)
        if (found := _form(split.images)) != _words(wanted, "uint8"):
            return f"the {name} images are {found}; return uint8 of shape {wanted}"
        if (found := _form(split.labels)) != _words(wanted[:1], "int64"):
            return f"the {name} labels are {found}; return (N,) int64"
    people = set(train.labels.tolist())
    if people != set(range(len(people))) or set(test.labels.tolist()) != people or len(people) < 2:
        return (
            "the labels must be 0..K-1 with at least two people, each of them in both splits; add photographs of "
            "whoever lacks them, or leave that person out"
        )
    return ""


def _form(array: object) -> str:
    return _words(array.shape, str(array.dtype)) if isinstance(array, np.ndarray) else f"a {type(array).__name__}"


def _words(shape: tuple[int, ...], dtype: str) -> str:
    return f"{shape} {dtype}"
