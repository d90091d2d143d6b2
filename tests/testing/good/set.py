"""A countermeasure on the set without a fault."""

from __future__ import annotations

import torch
from torch import Tensor

from uebench.plugins.base import Config, Countermeasure, ImageSet, Info


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        strength: How much.
    """

    strength: float = 0.1


class Mine(Countermeasure[MineConfig]):
    """Darkens the set."""

    name = "mine"
    version = 1
    info = Info(title="Night")
    Config = MineConfig
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Multiply all images."""
        return (train.images * (1 - self.config.strength)).to(torch.uint8)
