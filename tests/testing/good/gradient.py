"""A countermeasure that replaces the gradient, without a fault."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uebench.plugins.base import Config, Countermeasure, Info


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        noise: How much.
    """

    noise: float = 1e-4


class Mine(Countermeasure[MineConfig]):
    """Adds noise to the gradient."""

    name = "mine"
    version = 1
    info = Info(title="Noise")
    Config = MineConfig
    place = "step"

    def gradient(
        self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Shake it."""
        logits = model(images)
        loss = nn.functional.cross_entropy(logits, targets)
        weights = list(model.parameters())
        for weight, found in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = found + self.config.noise * torch.randn(found.shape, generator=rng)
        return loss.detach(), logits.detach()
