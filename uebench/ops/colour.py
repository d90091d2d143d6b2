"""Random colour changes for contrastive views, each image with factors of its own, in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch, transforms

if TYPE_CHECKING:
    from torch import Tensor


def jitter(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, turn: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue in this order, differentiably.

    The result is torchvision's ``adjust_brightness``, ``adjust_contrast``, ``adjust_saturation`` and ``adjust_hue`` to
    the last bit. These take one image at a time, which on a GPU means thousands of tiny kernels for a batch.

    Args:
        images: (B, 3, H, W) in [0, 1].
        brightness: (B,), a factor: 0 is black, 1 leaves the image as it is.
        contrast: (B,), a factor: 0 is the mean grey of the image.
        saturation: (B,), a factor: 0 is the grey image.
        turn: (B,), how far the hue moves around the colour circle, from -0.5 to 0.5.
    """
    images = _blend(images, torch.zeros_like(images), brightness)
    images = _blend(images, transforms.rgb_to_grayscale(images).mean((1, 2, 3), keepdim=True), contrast)
    images = _blend(images, transforms.rgb_to_grayscale(images), saturation)
    return _turn_hue(images, turn)


def _blend(images: Tensor, others: Tensor, share: Tensor) -> Tensor:
    rest = (1 - share.double()).to(images)[:, None, None, None]
    return (share.to(images)[:, None, None, None] * images + rest * others).clamp(0, 1)


def _turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Convert to hue, saturation and value, turn the hue, and convert back."""
    red, green, blue = images.unbind(1)
    value, least = images.max(1).values, images.min(1).values
    grey, chroma = value == least, value - least
    saturation = chroma / torch.where(grey, 1, value)
    divisor = torch.where(grey, 1, chroma)
    to_red, to_green, to_blue = (value - red) / divisor, (value - green) / divisor, (value - blue) / divisor
    hue = torch.where(
        value == red, to_blue - to_green, torch.where(value == green, 2 + to_red - to_blue, 4 + to_green - to_red)
    )
    hue = ((hue / 6 + 1).fmod(1) + turn.to(images)[:, None, None]) % 1
    sector = (hue * 6).floor()
    part = hue * 6 - sector
    low = (value * (1 - saturation)).clamp(0, 1)
    falling = (value * (1 - saturation * part)).clamp(0, 1)
    rising = (value * (1 - saturation * (1 - part))).clamp(0, 1)
    levels = torch.stack([value, rising, low, falling], 1)
    order = torch.tensor([[0, 3, 2, 2, 1, 0], [1, 0, 0, 3, 2, 2], [2, 2, 1, 0, 0, 3]], device=images.device)
    return levels.gather(1, order[:, sector.long() % 6].transpose(0, 1))
