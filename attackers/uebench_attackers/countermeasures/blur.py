"""Gaussian blur of the training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from uebench.lazy import torch, transforms
from uebench.ops import map_levels
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``blur``.

    Attributes:
        kernel: Height and width of the kernel in pixels, odd; 1 leaves images as they are.
        sigma: Standard deviation in pixels.
    """

    kernel: int = Field(5, ge=1)
    sigma: float = Field(1.0, gt=0)

    @field_validator("kernel")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"is even; write {value - 1} or {value + 1}")
        return value


class Blur(Countermeasure[Config]):
    """Blurs every training image once."""

    name = "blur"
    version = 1
    info = Info(title="Gaussian blur", family="filter")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the blurred images, rounded to grey levels."""
        kernel, sigma = [self.config.kernel] * 2, [self.config.sigma] * 2
        return map_levels(train.images, lambda images: transforms.gaussian_blur(images, kernel, sigma))
