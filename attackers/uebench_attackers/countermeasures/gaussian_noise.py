"""Gaussian noise, drawn anew each time an image is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info, Radius

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``gaussian_noise``.

    Attributes:
        sigma: Standard deviation on the [0, 1] pixel scale; 0 for none.
    """

    sigma: Radius = 8 / 255


class GaussianNoise(Countermeasure[Config]):
    """Adds N(0, sigma^2) to every pixel of a batch."""

    name = "gaussian_noise"
    version = 1
    info = Info(title="Gaussian noise", family="augmentation")
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return noisy images in [0, 1]."""
        if not self.config.sigma:
            return images, targets
        noise = torch.randn(images.shape, generator=rng) * self.config.sigma
        return (images + noise.to(images.device)).clamp(0, 1), targets
