"""Displacing the pixels of images, and removing high frequencies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def displaced(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Sample every pixel from a displaced position, bilinearly; positions beyond an edge wrap around.

    Args:
        images: (B, 3, H, W).
        down: (B, H, W), the downward displacement in pixels, the same for all channels.
        right: (B, H, W), the displacement to the right in pixels.
    """
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device)[:, None] + down
    columns = torch.arange(width, device=images.device) + right
    top, left = rows.floor(), columns.floor()

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row.long() % height * width + column.long() % width).flatten(1)
        return images.flatten(2).gather(2, index[:, None].expand(-1, images.shape[1], -1)).view_as(images)

    below, beside = (rows - top)[:, None], (columns - left)[:, None]
    upper = torch.lerp(at(top, left), at(top, left + 1), beside)
    lower = torch.lerp(at(top + 1, left), at(top + 1, left + 1), beside)
    return torch.lerp(upper, lower, below)


def lowest_frequencies(images: Tensor, count: int) -> Tensor:
    """Keep the lowest ``count`` rows and columns of each channel's two-dimensional cosine transform (DCT-II).

    Args:
        images: (B, 3, S, S) float.
        count: The number of frequencies in each direction, 1 to S.
    """
    size = images.shape[-1]
    positions = (torch.arange(size, device=images.device) + 0.5) * math.pi / size
    waves = torch.cos(torch.arange(count, device=images.device)[:, None] * positions)
    waves = waves / waves.norm(dim=1, keepdim=True)
    projection = waves.T @ waves  # of a row or column onto the lowest frequencies
    filtered: Tensor = projection @ images @ projection
    return filtered
