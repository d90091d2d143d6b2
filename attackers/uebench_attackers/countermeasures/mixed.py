"""An attacker that also found some of the photographs unprotected."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info, Shape

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``mixed``.

    Attributes:
        fraction: Share of the training images that are clean.
    """

    fraction: float = Field(0.2, ge=0, le=1)


class Mixed(Countermeasure[Config]):
    """Replaces a share of the protected images, over all identities, by the clean ones.

    Which ones depends on the seed alone, and a larger share contains a smaller one. The method first protects the whole
    set.
    """

    name = "mixed"
    version = 1
    info = Info(title="A share of clean images (Huang et al., ICLR 2021)", family="partial protection")
    Config = Config
    place = "scope"
    earlier: ClassVar = {
        "ab2ea06e5fb651debfebea1f74ac4185abb725b0a1ed02ce64d0270b3a6a8125": "a fraction like 0.999 of 40 was allowed",
    }

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse a fraction that would round to no image or to all."""
        fraction, images = self.config.fraction, sum(shape.counts)
        clean = round(fraction * images)
        if clean in (0, images) and fraction not in (0, 1):
            return f"{fraction:g} of {images} images rounds to {clean}; write fraction={clean // images} or another"
        return None

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Return which images are clean."""
        clean = torch.zeros_like(labels, dtype=torch.bool)
        clean[torch.randperm(len(labels), generator=rng)[: round(self.config.fraction * len(labels))]] = True
        return clean
