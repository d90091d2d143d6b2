"""The standard augmentation: mirror and shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench import ops
from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``flip_crop``.

    Attributes:
        flip: Mirror each image left to right with probability 1/2.
        crop: Shift each image by up to this many pixels, with black beyond the edge; 0 for none.
    """

    flip: bool = True
    crop: int = Field(4, ge=0)


class FlipCrop(Countermeasure[Config]):
    """Mirrors and shifts each image of a batch on its own."""

    name = "flip_crop"
    version = 1
    info = Info(title="Random horizontal flip and padded random crop", family="augmentation")
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the moved images."""
        return ops.flip_crop(images, rng, flip=self.config.flip, crop=self.config.crop), targets
