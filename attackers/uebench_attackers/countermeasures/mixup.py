"""Mixup: convex combinations of training images, and of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import beta
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``mixup``.

    Attributes:
        alpha: The weight of an image is drawn from Beta(alpha, alpha), once for each batch; 0 mixes nothing.
    """

    alpha: float = Field(1.0, ge=0)


class Mixup(Countermeasure[Config]):
    """Mixes every image with the batch's previous one."""

    name = "mixup"
    version = 1
    info = Info(
        title="mixup: Beyond Empirical Risk Minimization",
        venue="ICLR",
        year=2018,
        url="https://arxiv.org/abs/1710.09412",
        family="augmentation",
    )
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets."""
        if not self.config.alpha:
            return images, targets
        weight = beta(self.config.alpha, rng)
        return torch.lerp(images.roll(1, 0), images, weight), torch.lerp(targets.roll(1, 0), targets, weight)
