"""Uniform noise, drawn anew each time an image is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info, Radius

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``uniform_noise``.

    Attributes:
        radius: Largest change of a pixel; 0 for none.
    """

    radius: Radius = 8 / 255


class UniformNoise(Countermeasure[Config]):
    """Adds U(-radius, radius) to every pixel of a batch."""

    name = "uniform_noise"
    version = 1
    info = Info(title="Uniform noise", family="augmentation")
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return noisy images in [0, 1]."""
        if not self.config.radius:
            return images, targets
        noise = (torch.rand(images.shape, generator=rng) * 2 - 1) * self.config.radius
        return (images + noise.to(images.device)).clamp(0, 1), targets
