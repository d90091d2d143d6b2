"""Keeping perturbations within their budget, before and after rounding to grey levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from uebench.lazy import torch
from uebench.norms import NORMS

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.plugins.base import Budget


def project(delta: Tensor, budget: Budget) -> Tensor:
    """Return the perturbations within the budget that are nearest to ``delta``.

    Args:
        delta: (B, 3, H, W) float, on the [0, 1] pixel scale.
        budget: The bound and its norm.
    """
    return NORMS[budget.norm].project(delta, budget.eps)


def to_levels(protected: Tensor, clean: Tensor, budget: Budget) -> Tensor:
    """Round protected images to grey levels without exceeding an L-inf budget.

    Args:
        protected: (B, 3, H, W) float in [0, 1], within the budget.
        clean: (B, 3, H, W) uint8.
        budget: The budget; one of another norm has no effect.

    Returns:
        (B, 3, H, W) int16: protected minus clean, in grey levels; adding it to ``clean`` stays in 0..255.
    """
    delta = (protected * 255).round().clamp(0, 255).to(torch.int16) - clean.to(torch.int16)
    if budget.norm == "linf":
        levels = int(budget.eps * 255 + 1e-6)
        delta = delta.clamp(-levels, levels)
    return delta


def map_levels(images: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function of float images to uint8 images in batches, and round the result to grey levels.

    Args:
        images: (N, 3, H, W) uint8.
        function: Maps (B, 3, H, W) float in [0, 1] to the same shape; values outside [0, 1] are clipped.
    """
    parts = [(function(part.float() / 255) * 255).round().clamp(0, 255) for part in torch.split(images, 256)]
    return torch.cat(parts).to(torch.uint8)
