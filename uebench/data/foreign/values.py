"""Recognising images or perturbations that other code has made, in files of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from uebench.data.foreign.array_files import StoredArray, stored_arrays
from uebench.data.layout import channels_are_last
from uebench.errors import DataError, UsageError

PICKLES = (".pkl", ".pickle", ".p")

Content = Literal["images", "perturbations"]
Scale = Literal["-1..1", "0..1", "0..255"]
"""The range of pixel values, from black to white."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "images": ("images", "protected", "x", "data"),
    "perturbations": ("perturbations", "perturbation", "delta", "noise"),
    "labels": ("labels", "label", "y"),
}
"""Names of arrays in files that hold several."""
RANGES: Mapping[Scale, tuple[float, float]] = {"-1..1": (-1, 1), "0..1": (0, 1), "0..255": (0, 255)}
SLACK = 1e-3
"""The share of its range by which a value may leave it."""
FEW_LEVELS = 2
"""Float images with no value above this are not of the scale 0..255, where they would be black."""
SMALL = 0.25
"""The largest perturbation that is recognised by its size, on the [0, 1] pixel scale."""


@dataclass(frozen=True, slots=True)
class Values:
    """An array of images or perturbations, with its original values.

    Attributes:
        array: (M, 3, S, S), integers or floats.
        content: Whether it holds images or perturbations.
        scale: The range of its pixels; a perturbation is a difference of two such pixels.
        labels: (M,) labels from the same file, or None if it does not have as many.
        unused_labels: The shape and type of labels in the file that cannot be used; else empty.
        remark: How the values were understood, if they could be of another scale; else empty.
    """

    array: NDArray[Any]
    content: Content
    scale: Scale
    labels: NDArray[Any] | None = None
    unused_labels: str = ""
    remark: str = ""

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Return which rows (M,) have neither NaN nor infinite values."""
        return np.array([bool(np.isfinite(row).all()) for row in self.array])

    def grey_levels(self, row: int) -> NDArray[np.float64]:
        """Return a row (3, S, S) in grey levels, neither rounded nor clipped."""
        low, high = RANGES[self.scale]
        start = low if self.content == "images" else 0
        return np.asarray((self.array[row].astype(np.float64) - start) * (255 / (high - low)), np.float64)


def read_array(
    file: Path,
    content: Content | None = None,
    scale: Scale | None = None,
    check: Callable[[tuple[int, ...]], object] = lambda _: None,
) -> Values:
    """Read a file of images or of perturbations.

    Args:
        file: A file for ``stored_arrays``. If it holds several arrays, they are recognised by their names.
        content: Whether it holds images or perturbations; None to infer it from the array's name and values.
        scale: The range of its pixels; None to infer it from the values.
        check: Called with the shape (M, 3, S, S) before the values take memory; its errors are passed on.

    Raises:
        DataError: If the file cannot be read, or has no such array.
        UsageError: If content or scale cannot be inferred from the values, or if the values are outside ``scale``.
    """
    arrays = stored_arrays(file)
    name, named = _chosen(arrays, file, content)
    stored = arrays[name]
    if not stored.is_number:
        raise DataError(f"{file}: {stored.dtype}; convert it to whole numbers or floats")
    is_channels_last = channels_are_last(stored.shape, str(file))
    count, *rest = stored.shape
    check((count, rest[2], *rest[:2]) if is_channels_last else stored.shape)
    array = stored.load()
    if is_channels_last:
        array = array.transpose(0, 3, 1, 2)
    labels = next((arrays[name] for name in NAMES["labels"] if name in arrays), None)
    unused = ""
    if labels and not (labels.is_number and math.prod(labels.shape) == count):
        unused = f"shape {labels.shape}, {labels.dtype}"
        labels = None
    found, inferred = _recognised(array, file, content or named, scale)
    remark = _remark(array, inferred) if scale is None and found == "perturbations" else ""
    return Values(array, found, inferred, labels.load().ravel() if labels else None, unused, remark)


def _chosen(arrays: Mapping[str, StoredArray], file: Path, content: Content | None) -> tuple[str, Content | None]:
    """Return the name of the array to use, and the content that this name implies, if any."""
    kinds: tuple[Content, ...] = ("images", "perturbations")
    for kind in kinds:
        for name in NAMES[kind]:
            if content in (None, kind) and name in arrays:
                return name, kind
    candidates = [name for name, array in arrays.items() if len(array.shape) == 4]
    if len(candidates) == 1:
        return candidates[0], None
    if list(arrays) == [""]:
        return "", None  # its shape is refused later
    held = ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items()) or "no array"
    raise DataError(f"{file}: holds {held}; name the array to use 'images' or 'perturbations'")


def _recognised(array: NDArray[Any], file: Path, content: Content | None, scale: Scale | None) -> tuple[Content, Scale]:
    """Return the content and scale of an array; see ``read_array``."""
    low, high = _extremes(array)
    shown = f"{file}: values in [{low:.3g}, {high:.3g}]"
    if scale is None and array.dtype.kind != "f":
        scale = "0..255"
        content = content or ("perturbations" if low < 0 else _content(low, high, scale))
    content = content or _content(low, high, scale)
    if content is None:
        raise UsageError(
            f"{shown} may be images or perturbations; say content=images or content=perturbations, "
            f"as in --method 'protected(file=\"{file}\", content=images)'"
        )
    if scale is None and content == "perturbations" and max(-low, high) == 1 and _is_whole(array):
        raise UsageError(
            f'{shown}, all whole numbers, may be grey levels or steps from black to white; say values="0..255" or '
            f'values="0..1", as in --method \'protected(file="{file}", values="0..255")\''
        )
    scale = scale or _scale(low, high, content)
    if scale is None:
        raise UsageError(f"{shown} are not {content} on a scale of -1..1, 0..1 or 0..255; clip or rescale them")
    least, most = RANGES[scale]
    slack = SLACK * (most - least)
    if content == "perturbations":
        least, most = least - most, most - least
    if low < least - slack or high > most + slack:
        raise UsageError(f"{shown} are not {content} on the scale {scale}; clip or rescale them, or give another scale")
    return content, scale


def _extremes(array: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest finite value; 0 if there is none."""
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _is_whole(array: NDArray[Any]) -> bool:
    finite = array[np.isfinite(array)]
    return bool((finite == np.rint(finite)).all())


def _remark(array: NDArray[Any], scale: Scale) -> str:
    """Return how perturbations of an inferred scale were understood; empty if no other scale has such values."""
    low, high = _extremes(array)
    size = max(-low, high)
    if array.dtype.kind != "f" or size == 0 or size > 2:  # no difference on -1..1 exceeds 2
        return ""
    least, most = RANGES[scale]
    levels = size * 255 / (most - least)
    other = "-1..1" if scale == "0..1" else "0..1 or -1..1"
    return (
        f'its values are taken as {scale}, at most {levels:.3g} grey levels (if they are of {other}, say values="...")'
    )


def _content(low: float, high: float, scale: Scale | None) -> Content | None:
    """Return the content of values in [low, high], or None if it is unclear.

    It is unclear for small values of one sign, and for values of medium size and both signs.
    """
    guessed = 1 if max(-low, high) <= FEW_LEVELS else 255
    width = RANGES[scale][1] - RANGES[scale][0] if scale else guessed
    size, is_signed = max(-low, high) / width, low < -SLACK * width
    if size <= SMALL:
        return "perturbations" if is_signed and high > 0 else None
    if not is_signed or size > 1 + SLACK:  # the latter are refused later: they exceed every scale
        return "images"
    return "images" if width <= 2 and low < -0.5 and high > 0.5 else None


def _scale(low: float, high: float, content: Content) -> Scale | None:
    if content == "perturbations":
        return "0..1" if max(-low, high) <= 1 else "0..255" if max(-low, high) <= 255 else None
    for scale in ("0..1", "-1..1", "0..255"):
        least, most = RANGES[scale]
        slack = SLACK * (most - least)
        if least - slack <= low and high <= most + slack and (scale != "0..255" or high > FEW_LEVELS):
            return scale
    return None
