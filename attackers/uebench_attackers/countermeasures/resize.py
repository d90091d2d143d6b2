"""Loss of resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch, transforms
from uebench.ops import map_levels
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``resize``.

    Attributes:
        scale: The smaller size as a share of the size; 1 leaves images as they are.
    """

    scale: float = Field(0.5, gt=0, le=1)


class Resize(Countermeasure[Config]):
    """Makes every training image smaller and then as large as before (bilinear, antialiased)."""

    name = "resize"
    version = 1
    info = Info(title="Down- and upscaling", family="filter")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return images of the same size with less detail."""
        small = max(1, round(self.config.scale * train.size))

        def shrink(images: Tensor) -> Tensor:
            less: Tensor = transforms.resize(images, [small, small], antialias=True)
            return transforms.resize(less, [train.size, train.size], antialias=True)  # type: ignore[no-any-return]

        return train.images if small == train.size else map_levels(train.images, shrink)
