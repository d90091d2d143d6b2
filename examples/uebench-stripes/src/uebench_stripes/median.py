"""A median filter, which an attacker applies to the set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config, Countermeasure, ImageSet, Info

if TYPE_CHECKING:
    from torch import Tensor


class MedianConfig(Config):
    """Options of ``median``.

    Attributes:
        radius: Of the window, in pixels; 0 changes nothing.
    """

    radius: int = Field(1, ge=0)


class Median(Countermeasure[MedianConfig]):
    """Replaces each pixel by the median of its neighbours, channel by channel."""

    name = "median"
    version = 1
    info = Info(title="Median filter", family="filter")
    Config = MedianConfig
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Filter every image."""
        radius, side = self.config.radius, 2 * self.config.radius + 1
        parts = []
        for images in torch.split(train.images, 64):
            padded = torch.nn.functional.pad(images.float(), (radius,) * 4, mode="replicate")
            windows = padded.unfold(2, side, 1).unfold(3, side, 1).flatten(4)
            parts.append(windows.median(4).values.to(torch.uint8))
        return torch.cat(parts)
