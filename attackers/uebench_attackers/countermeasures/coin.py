"""COIN: every pixel is taken from a random place nearby, against perturbations that are convolutions.

Minghui Li, Xianlong Wang, Zhifei Yu, Shengshan Hu, Ziqi Zhou, Longling Zhang, Leo Yu Zhang. Detecting and Corrupting
Convolution-based Unlearnable Examples. AAAI 2025 (arXiv:2311.18403). The images stay unrounded here; the authors
truncate them to grey levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import displaced
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``coin``.

    Attributes:
        alpha: Largest distance in pixels, along either axis; 0 leaves images as they are.
    """

    alpha: float = Field(2.0, ge=0)


class Coin(Countermeasure[Config]):
    """Moves every pixel of a batch by U(-alpha, alpha) along both axes, the channels together (bilinear)."""

    name = "coin"
    version = 1
    info = Info(
        title="Detecting and Corrupting Convolution-based Unlearnable Examples",
        venue="AAAI",
        year=2025,
        url="https://arxiv.org/abs/2311.18403",
        family="interpolation",
    )
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the corrupted images."""
        if not self.config.alpha:
            return images, targets
        offsets = (torch.rand(2, len(images), *images.shape[-2:], generator=rng) * 2 - 1) * self.config.alpha
        return displaced(images, *offsets.to(images.device)), targets
