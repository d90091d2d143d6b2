"""Convert a caller's images and labels to grey levels and class numbers, and images back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from uebench.data.layout import channels_are_last
from uebench.errors import UsageError
from uebench.norms import TOLERANCE

Images = TypeVar("Images", NDArray[Any], torch.Tensor)


@dataclass(frozen=True, slots=True)
class GreyLevels(Generic[Images]):
    """The pixels of a caller's images.

    Attributes:
        pixels: (N, 3, S, S) uint8, a copy.
        channels_last: Whether the caller's images are (N, S, S, 3).
        original: The caller's images, which are never changed.
    """

    pixels: NDArray[np.uint8]
    channels_last: bool
    original: Images

    def like_original(self, pixels: NDArray[np.uint8]) -> Images:
        """Return other pixels as an array or tensor with the type, layout and device of the caller's images.

        Args:
            pixels: (N, 3, S, S) uint8; float images get the values k/255.
        """
        arranged = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1) if self.channels_last else pixels)
        if isinstance(self.original, torch.Tensor):
            tensor = torch.from_numpy(arranged).to(self.original.device)
            return tensor if self.original.dtype == torch.uint8 else (tensor / 255).to(self.original.dtype)
        return arranged if self.original.dtype == np.uint8 else (arranged / 255).astype(self.original.dtype)


def grey_levels(images: Images, name: str = "images") -> GreyLevels[Images]:
    """Check images and round them to grey levels.

    Args:
        images: (N, 3, S, S) or (N, S, S, 3), uint8, or float in [0, 1].
        name: The name of the argument, for messages.

    Raises:
        UsageError: If the images are wrong; the message names the argument.
    """
    if not isinstance(images, np.ndarray | torch.Tensor):
        raise UsageError(f"{name}: {type(images).__name__}; give a NumPy array or a torch tensor")
    _check_not_masked(images, name)
    channels_last = channels_are_last(tuple(images.shape), name)
    levels = _levels(images, name)
    pixels = np.ascontiguousarray(levels.transpose(0, 3, 1, 2) if channels_last else levels)
    height, width = pixels.shape[2:]
    if height != width:
        raise UsageError(f"{name}: {height} x {width} pixels; they must be square: crop or pad them first")
    return GreyLevels(pixels, channels_last, images)


def _levels(images: NDArray[Any] | torch.Tensor, name: str) -> NDArray[np.uint8]:
    """Return a copy of the images as uint8."""
    array: NDArray[Any] = _of_tensor(images, name) if isinstance(images, torch.Tensor) else images
    if array.dtype == np.uint8:
        return array.copy()
    if array.dtype.kind != "f":
        raise UsageError(f"{name}: {images.dtype}; give uint8 (0 to 255), or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise UsageError(f"{name}: NaN or infinity among the values; leave these images out")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise UsageError(f"{name}: values in [{low:.3g}, {high:.3g}]; float images must lie in [0, 1]: rescale them")
    wide = array if array.dtype.itemsize >= 4 else array.astype(np.float32)
    levels: NDArray[np.uint8] = np.rint(wide * 255).clip(0, 255).astype(np.uint8)
    return levels


def _of_tensor(tensor: torch.Tensor, name: str) -> NDArray[Any]:
    """Return a tensor as an array; floats of 8 and 16 bits become float32."""
    try:
        plain = tensor.detach().cpu()
        array: NDArray[Any] = (plain.float() if plain.is_floating_point() and plain.itemsize < 4 else plain).numpy()
    except (TypeError, RuntimeError, ValueError):  # sparse, quantised or without values
        kind = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}".replace("torch.", "")
        raise UsageError(f"{name}: this tensor ({kind}) cannot be read; give a dense one, as of to_dense()") from None
    return array


def _check_not_masked(given: object, name: str) -> None:
    if isinstance(given, np.ma.MaskedArray):
        raise UsageError(f"{name}: a masked array, whose mask would be lost; give a plain array, as of filled()")


def class_numbers(labels: object, count: int, name: str = "labels") -> tuple[NDArray[np.int64], list[Any]]:
    """Number the identities in sorted order.

    Args:
        labels: (N,) whole numbers or names: a list, an array or a tensor.
        count: N, the number of images.
        name: The name of the argument, for messages.

    Returns:
        The labels (N,) as 0..K-1, and the K identities in sorted order.

    Raises:
        UsageError: If the labels are wrong; the message names the argument.
    """
    _check_not_masked(labels, name)
    if isinstance(labels, list | tuple) and len({isinstance(label, str) for label in labels}) > 1:
        raise UsageError(f"{name}: names and other values are mixed; give all as names, or all as whole numbers")
    try:
        plain = _of_tensor(labels, name) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    except (TypeError, RuntimeError, ValueError):
        raise UsageError(f"{name}: not one value for each image; give a list of whole numbers or of names") from None
    if plain.ndim != 1 or len(plain) != count:
        raise UsageError(f"{name}: shape {plain.shape} for {count} images; give one label per image")
    if plain.dtype.kind == "O" and all(isinstance(label, str) for label in plain):
        plain = plain.astype(str)
    if plain.dtype.kind not in "biuSU":
        raise UsageError(f"{name}: {plain.dtype}; give whole numbers or names")
    identities, numbers = np.unique(plain, return_inverse=True)
    if len(identities) < 2:
        raise UsageError(f"{name}: all are {identities[0]}; give at least 2 identities")
    return numbers.astype(np.int64), identities.tolist()
