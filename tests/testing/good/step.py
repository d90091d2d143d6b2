"""A countermeasure on the step without a fault."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uebench.plugins.base import Config, Countermeasure, Info


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        strength: How much.
    """

    strength: float = 0.1


class Mine(Countermeasure[MineConfig]):
    """Lowers the model's loss a little."""

    name = "mine"
    version = 1
    info = Info(title="Help")
    Config = MineConfig
    place = "step"

    def on_step(self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator) -> Tensor:
        """Follow the gradient."""
        point = images.clone().requires_grad_()
        model.eval()
        loss = nn.functional.cross_entropy(model(point), targets)
        (gradient,) = torch.autograd.grad(loss, point)
        model.train()
        return (images - self.config.strength / 255 * gradient.sign()).clamp(0, 1)
