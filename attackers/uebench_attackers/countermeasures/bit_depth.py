"""Fewer grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import map_levels
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``bit_depth``.

    Attributes:
        bits: Bits of each channel; 8 leaves images as they are.
    """

    bits: int = Field(2, ge=1, le=8)


class BitDepth(Countermeasure[Config]):
    """Rounds every pixel to the nearest of 2^bits evenly spaced levels from black to white."""

    name = "bit_depth"
    version = 1
    info = Info(title="Bit depth reduction (ISS: Liu et al., ICML 2023)", venue="ICML", year=2023, family="compression")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the coarser images."""
        top = 2**self.config.bits - 1
        return map_levels(train.images, lambda images: (images * top).round() / top)
