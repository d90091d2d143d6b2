"""Fewer grey levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import map_levels
from uebench.plugins.base import Added, Countermeasure, ImageSet, Info
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``bit_depth``.

    Attributes:
        bits: Bits of each channel; 8 leaves images as they are.
        levels: ``nearest``: the nearest of 2^bits evenly spaced levels from black to white. ``truncated``: the other
            bits are set to 0, as the authors do, which darkens the images by half a level on average.
    """

    bits: int = Field(2, ge=1, le=8)
    levels: Annotated[Literal["nearest", "truncated"], Added()] = "nearest"


class BitDepth(Countermeasure[Config]):
    """Leaves every pixel one of 2^bits levels."""

    name = "bit_depth"
    version = 1
    info = Info(title="Bit depth reduction (ISS: Liu et al., ICML 2023)", venue="ICML", year=2023, family="compression")
    Config = Config
    presets: ClassVar = {"official": {"levels": "truncated"}}
    why: ClassVar = {"official": "the authors' code, which posterises to 2 bits"}
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the coarser images."""
        if self.config.levels == "truncated":
            level = 2 ** (8 - self.config.bits)
            truncated: Tensor = train.images // level * level
            return truncated
        top = 2**self.config.bits - 1
        return map_levels(train.images, lambda images: (images * top).round() / top)
