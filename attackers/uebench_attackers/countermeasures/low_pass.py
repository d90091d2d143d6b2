"""Removal of high spatial frequencies."""

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
    """Options of ``low_pass``.

    Attributes:
        cutoff: Largest frequency kept, as a share of the highest that an axis can carry (half a cycle per pixel); from
            1.42 on, corners included, everything is kept.
    """

    cutoff: float = Field(0.5, gt=0)


class LowPass(Countermeasure[Config]):
    """Keeps a disc of low frequencies in every training image's spectrum and removes the rest."""

    name = "low_pass"
    version = 1
    info = Info(title="Ideal low-pass filter", family="filter")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the smooth images."""
        size = train.size
        rows = torch.fft.fftfreq(size, device=train.images.device)[:, None]
        columns = torch.fft.rfftfreq(size, device=train.images.device)[None]
        kept = (rows.square() + columns.square()).sqrt() <= self.config.cutoff / 2 + 1e-6
        return map_levels(train.images, lambda images: torch.fft.irfft2(torch.fft.rfft2(images) * kept, s=(size, size)))
