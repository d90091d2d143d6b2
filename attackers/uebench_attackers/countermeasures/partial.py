"""A set in which only some people protected themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``partial``.

    Attributes:
        share: Share of the identities that is protected, with all their images.
    """

    share: float = Field(0.5, ge=0, le=1)


class Partial(Countermeasure[Config]):
    """Leaves identities unprotected; the record counts them separately.

    Which ones depends on the seed alone, and a larger share contains a smaller one. The method first protects the whole
    set, so one that learns from the set also learns from the people who stay unprotected.
    """

    name = "partial"
    version = 1
    info = Info(title="Protection of some identities only", family="partial protection")
    Config = Config
    place = "scope"

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Return which images belong to unprotected identities."""
        order = torch.randperm(num_classes, generator=rng)
        return torch.isin(labels.cpu(), order[round(self.config.share * num_classes) :]).to(labels.device)
