"""An attacker that also found some of the photographs unprotected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

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

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Return which images are clean."""
        clean = torch.zeros_like(labels, dtype=torch.bool)
        clean[torch.randperm(len(labels), generator=rng)[: round(self.config.fraction * len(labels))]] = True
        return clean
