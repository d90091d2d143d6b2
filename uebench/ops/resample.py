"""Images whose pixels are moved, and images without their high frequencies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def displaced(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Take every pixel from another place (bilinear); what lies beyond an edge continues at the opposite one.

    Args:
        images: (B, 3, H, W).
        down: (B, H, W): how many pixels below its own place each pixel is taken from; all channels move together.
        right: The same to the right.
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
        count: 1 to S.
    """
    size = images.shape[-1]
    places = (torch.arange(size, device=images.device) + 0.5) * math.pi / size
    waves = torch.cos(torch.arange(count, device=images.device)[:, None] * places)
    waves = waves / waves.norm(dim=1, keepdim=True)
    kept = waves.T @ waves  # projects a row, or a column, onto its lowest waves
    filtered: Tensor = kept @ images @ kept
    return filtered
