"""Images and labels as callers hold them -> grey levels and class numbers, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from uebench.data.layout import Layout, layout_of
from uebench.errors import UsageError

Images = TypeVar("Images", NDArray[Any], torch.Tensor)

TOLERANCE = 1e-5
"""How far a float image may leave [0, 1] by rounding."""


@dataclass(frozen=True, slots=True)
class GreyLevels(Generic[Images]):
    """The pixels of a caller's images.

    Attributes:
        pixels: (N, 3, S, S) uint8, with memory of its own.
        layout: Of the caller's images.
        original: The caller's images, which are never changed.
    """

    pixels: NDArray[np.uint8]
    layout: Layout
    original: Images

    def like_original(self, pixels: NDArray[np.uint8]) -> Images:
        """Return other pixels in the caller's kind, type, layout and device.

        Args:
            pixels: (N, 3, S, S) uint8; float images get the values k/255.
        """
        moved = np.ascontiguousarray(pixels if self.layout == "NCHW" else pixels.transpose(0, 2, 3, 1))
        if isinstance(self.original, torch.Tensor):
            tensor = torch.from_numpy(moved).to(self.original.device)
            return tensor if self.original.dtype == torch.uint8 else (tensor / 255).to(self.original.dtype)
        return moved if self.original.dtype == np.uint8 else (moved / 255).astype(self.original.dtype)


def grey_levels(images: Images, layout: str | None = None, what: str = "images") -> GreyLevels[Images]:
    """Check images and round them to grey levels.

    Args:
        images: (N, 3, S, S) or (N, S, S, 3), uint8, or float in [0, 1].
        layout: ``NCHW`` or ``NHWC``; None finds out by where the 3 channels are.
        what: The argument's name, for messages.

    Raises:
        UsageError: Naming ``what`` or ``layout`` and what is wrong with it.
    """
    if not isinstance(images, np.ndarray | torch.Tensor):
        raise UsageError(f"{what}: {type(images).__name__}; give a NumPy array or a torch tensor")
    found = layout_of(tuple(images.shape), layout, what)
    levels = _levels(images, what)
    pixels = np.ascontiguousarray(levels if found == "NCHW" else levels.transpose(0, 3, 1, 2))
    height, width = pixels.shape[2:]
    if height != width:
        raise UsageError(f"{what}: {height} x {width} pixels; they must be square: crop or pad them first")
    return GreyLevels(pixels, found, images)


def _levels(images: NDArray[Any] | torch.Tensor, what: str) -> NDArray[np.uint8]:
    """Return the images as uint8, in memory of their own."""
    if isinstance(images, torch.Tensor):
        plain = images.detach().cpu()
        array: NDArray[Any] = (plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy()
    else:
        array = images
    if array.dtype == np.uint8:
        return array.copy()
    if array.dtype.kind != "f":
        raise UsageError(f"{what}: {images.dtype}; give uint8 (0 to 255), or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise UsageError(f"{what}: NaN or infinity among the values")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise UsageError(f"{what}: values in [{low:.3g}, {high:.3g}]; float images must lie in [0, 1]: rescale them")
    wide = array if array.dtype.itemsize >= 4 else array.astype(np.float32)
    levels: NDArray[np.uint8] = np.rint(wide * 255).clip(0, 255).astype(np.uint8)
    return levels


def class_numbers(labels: object, count: int, what: str = "labels") -> tuple[NDArray[np.int64], list[Any]]:
    """Number the identities in sorted order.

    Args:
        labels: (N,) whole numbers or names: a list, an array or a tensor.
        count: N, the number of images.
        what: The argument's name, for messages.

    Returns:
        The labels (N,) as 0..K-1, and the K different ones in sorted order.

    Raises:
        UsageError: Naming the argument and what is wrong with it.
    """
    plain = np.asarray(labels.detach().cpu() if isinstance(labels, torch.Tensor) else labels)
    if plain.ndim != 1 or len(plain) != count:
        raise UsageError(f"{what}: shape {plain.shape} for {count} images; give one label per image")
    if plain.dtype.kind == "O" and all(isinstance(label, str) for label in plain):
        plain = plain.astype(str)
    if plain.dtype.kind not in "biuSU":
        raise UsageError(f"{what}: {plain.dtype}; give whole numbers or names")
    names, numbers = np.unique(plain, return_inverse=True)
    if len(names) < 2:
        raise UsageError(f"{what}: all are {names[0]}; give at least 2 identities")
    return numbers.astype(np.int64), names.tolist()
