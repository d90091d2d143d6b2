"""A countermeasure without a fault."""

from __future__ import annotations

import torch
from torch import Tensor

from uebench.plugins.base import Config, Countermeasure, Info


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        strength: How much.
    """

    strength: float = 0.1


class Mine(Countermeasure[MineConfig]):
    """Makes images of a batch darker."""

    name = "mine"
    version = 1
    info = Info(title="Darkness")
    Config = MineConfig
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Multiply each image."""
        factor = 1 - self.config.strength * torch.rand(len(images), 1, 1, 1, generator=rng)
        return images * factor, targets
