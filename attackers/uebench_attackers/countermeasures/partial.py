"""A set in which only some people protected themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info, Shape

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
    earlier: ClassVar = {
        "94cfc0bfbd77760b5d8cd12453d8d3b7f48656a4b858b7cbfb8d89f0ab97ae17": "a share that rounds to 0 or 1 was allowed",
    }

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse a share that would round to nobody or to everybody."""
        share, people = self.config.share, shape.num_classes
        protected = round(share * people)
        if protected in (0, people) and share not in (0, 1):
            return (
                f"{share:g} of {people} identities rounds to {protected}; write share={protected // people} or another"
            )
        return None

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Return which images belong to unprotected identities."""
        order = torch.randperm(num_classes, generator=rng)
        return torch.isin(labels.cpu(), order[round(self.config.share * num_classes) :]).to(labels.device)
