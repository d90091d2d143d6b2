"""Images or perturbations that others made, as arrays on disk: NumPy, safetensors or torch files, never pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from uebench.data.layout import layout_of
from uebench.errors import DataError, UsageError, in_words
from uebench.lazy import torch

SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth")
PICKLES = (".pkl", ".pickle", ".p")

Content = Literal["images", "perturbations"]
Scale = Literal["-1..1", "0..1", "0..255"]
"""The range that black and white lie at the ends of."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "images": ("images", "protected", "x", "data"),
    "perturbations": ("perturbations", "perturbation", "delta", "noise"),
    "labels": ("labels", "label", "y"),
}
"""What arrays are called in files that hold several."""
RANGES: Mapping[Scale, tuple[float, float]] = {"-1..1": (-1, 1), "0..1": (0, 1), "0..255": (0, 255)}
SLACK = 1e-3
"""By what share of its range a value may leave it."""
FEW_LEVELS = 2
"""Floats up to here are no images of the scale 0..255, which would be black, but others that leave their range."""
SMALL = 0.25
"""The largest perturbation that is told from an image by its size, on the [0, 1] pixel scale."""


@dataclass(frozen=True, slots=True)
class Values:
    """An array as it was found.

    Attributes:
        array: (M, 3, S, S), whole numbers or floats.
        content: What it holds.
        scale: The range of pixels that it is written in; a perturbation is a difference of two such pixels.
        labels: (M,) where the file says whom the images show, or None.
    """

    array: NDArray[Any]
    content: Content
    scale: Scale
    labels: NDArray[Any] | None = None

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Return which rows (M,) have neither NaN nor infinity."""
        return np.array([bool(np.isfinite(row).all()) for row in self.array])

    def grey_levels(self, row: int) -> NDArray[np.float64]:
        """Return a row (3, S, S) in grey levels, neither rounded nor clipped."""
        low, high = RANGES[self.scale]
        start = low if self.content == "images" else 0
        return np.asarray((self.array[row].astype(np.float64) - start) * (255 / (high - low)), np.float64)


def read_array(file: Path, content: Content | None = None, scale: Scale | None = None) -> Values:
    """Read a file of images or of perturbations.

    Args:
        file: With one of ``SUFFIXES``. If it holds several arrays, their names tell which is which.
        content: What it holds; None: see what it is called, and its values.
        scale: The range of its pixels; None: see its values.

    Raises:
        DataError: If it cannot be read, or has no such array.
        UsageError: If its values leave open what they are, or do not lie in ``scale``.
    """
    arrays = _arrays(file)
    name, named = _chosen(arrays, file, content)
    array = arrays[name]
    if array.dtype.kind not in "iuf":
        raise DataError(f"{file}: {array.dtype}; convert it to whole numbers or floats")
    if layout_of(array.shape, None, str(file)) == "NHWC":
        array = array.transpose(0, 3, 1, 2)
    labels = next((arrays[one].ravel() for one in NAMES["labels"] if one in arrays), None)
    found = _recognised(array, content or named, scale)
    if isinstance(found, str):
        raise UsageError(f"{file}: {found}")
    return Values(array, *found, labels)


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Return every array of a file by its name; the only array of a file has none."""
    try:
        if file.suffix.lower() in (".npy", ".npz"):
            loaded = np.load(file, allow_pickle=False)
            return {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        if file.suffix.lower() == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
        tensors = content if isinstance(content, dict) else {"": content}
        return {
            str(name): (one.float() if one.dtype == torch.bfloat16 else one).detach().numpy()
            for name, one in tensors.items()
            if isinstance(one, torch.Tensor)
        }
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    except Exception:  # of four libraries, each of which has its own
        raise DataError(f"{file}: damaged, or it holds other things than arrays; save it as .npy") from None


def _chosen(arrays: Mapping[str, NDArray[Any]], file: Path, content: Content | None) -> tuple[str, Content | None]:
    """Return the name of the array to use, and what this name says that it holds."""
    kinds: tuple[Content, ...] = ("images", "perturbations")
    for kind in kinds:
        for name in NAMES[kind]:
            if content in (None, kind) and name in arrays:
                return name, kind
    candidates = [name for name, array in arrays.items() if array.ndim == 4]
    if len(candidates) == 1:
        return candidates[0], None
    if list(arrays) == [""]:
        return "", None  # with a shape that is complained of later
    held = ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items()) or "no array"
    raise DataError(f"{file}: holds {held}; name the array to use 'images' or 'perturbations'")


def _recognised(array: NDArray[Any], content: Content | None, scale: Scale | None) -> tuple[Content, Scale] | str:
    """Return what an array holds and its scale, or what is wrong with its values."""
    known = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    shown = f"values in [{low:.3g}, {high:.3g}]"
    if scale is None and array.dtype.kind != "f":
        scale = "0..255"
        content = content or ("perturbations" if low < 0 else "images")
    content = content or _content(low, high, scale)
    if content is None:
        return f"{shown} may be images or perturbations; say content=images or content=perturbations"
    scale = scale or _scale(low, high, content)
    if scale is None:
        return f"{shown} are no {content} of the scales -1..1, 0..1 and 0..255; clip or rescale them"
    least, most = RANGES[scale]
    slack = SLACK * (most - least)
    if content == "perturbations":
        least, most = least - most, most - least
    if low < least - slack or high > most + slack:
        return f"{shown} are no {content} of the scale {scale}; clip or rescale them, or give another scale"
    return content, scale


def _content(low: float, high: float, scale: Scale | None) -> Content | None:
    """Return what values are, or None where they may be both: small ones of one sign, and middling ones of both."""
    width = RANGES[scale][1] - RANGES[scale][0] if scale else 1 if max(-low, high) <= FEW_LEVELS else 255
    size, is_signed = max(-low, high) / width, low < -SLACK * width
    if size <= SMALL:
        return "perturbations" if is_signed and high > 0 else None
    if not is_signed or size > 1 + SLACK:  # the latter are refused later, as no images
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
