"""The checks of the arrays that a source returns."""

from __future__ import annotations

import numpy as np

from uebench.plugins.base import Split


def fault(train: Split, test: Split, size: int) -> str:
    """Return a line that says what is wrong with the two splits of a source, with the remedy; empty if nothing is.

    Args:
        train: The training split from ``Source.read``.
        test: The test split from ``Source.read``.
        size: The requested height and width in pixels.
    """
    for name, split in (("train", train), ("test", test)):
        shape = (len(split.labels), 3, size, size)
        if (form := _form(split.images)) != f"{shape} uint8":
            return f"the {name} images are {form}; return uint8 of shape {shape}"
        if (form := _form(split.labels)) != f"{shape[:1]} int64":
            return f"the {name} labels are {form}; return (N,) int64"
    people = set(train.labels.tolist())
    if people != set(range(len(people))) or set(test.labels.tolist()) != people or len(people) < 2:
        return (
            "the labels must be 0..K-1 with at least two people, each of them in both splits; add photographs of "
            "whoever lacks them, or leave that person out"
        )
    return ""


def repeated(train: Split, test: Split) -> str:
    """Return a line that says how many test images are training images, with the remedy; empty if none is."""
    known = {image.tobytes() for image in train.images}
    if count := sum(image.tobytes() in known for image in test.images):
        are = "is also a training image; leave it" if count == 1 else "are also training images; leave them"
        return f"{count} of the {len(test.labels)} test images {are} out, because they measure memorisation"
    return ""


def _form(array: object) -> str:
    return f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
