"""The field's standard augmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def flip_crop(images: Tensor, rng: torch.Generator, *, flip: bool, crop: int) -> Tensor:
    """Mirror and shift each image on its own.

    Args:
        images: (B, 3, H, W).
        rng: A CPU generator.
        flip: Mirror each image left to right with probability 1/2.
        crop: Pad by so many zero pixels on every side and crop back at a random place; 0 leaves the place.

    Returns:
        (B, 3, H, W), the given tensor itself if there is nothing to do.
    """
    count, height, width = len(images), images.shape[-2], images.shape[-1]
    device = images.device
    if flip:
        chosen = torch.rand(count, generator=rng).lt(0.5).to(device)
        images = torch.where(chosen.view(-1, 1, 1, 1), images.flip(-1), images)
    if crop:
        padded = torch.nn.functional.pad(images, [crop] * 4)
        top, left = torch.randint(2 * crop + 1, (2, count, 1), generator=rng).to(device)
        rows = (top + torch.arange(height, device=device))[:, :, None]
        columns = (left + torch.arange(width, device=device))[:, None, :]
        which = torch.arange(count, device=device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)
    return images
