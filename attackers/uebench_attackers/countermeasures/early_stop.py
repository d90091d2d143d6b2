"""Early stopping as an attacker can do it: by held-back protected images, as it has no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``early_stop``.

    Attributes:
        share: Share of the training images that is held back from training.
        patience: Stop after this many epochs without improvement; 0 trains to the end.
    """

    share: float = Field(0.1, gt=0, lt=1)
    patience: int = Field(0, ge=0)


class EarlyStop(Countermeasure[Config]):
    """Takes the epoch with the best accuracy on held-back training images, which are as protected as all others.

    The record's ``peak`` is something else: the best epoch on the clean test set, an oracle.
    """

    name = "early_stop"
    version = 1
    info = Info(
        title="Poisons that are learned faster are more effective",
        venue="CVPR Workshops",
        year=2022,
        url="https://arxiv.org/abs/2204.08615",
        family="early stopping",
    )
    Config = Config
    place = "epoch"

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Return a random share of the images, at least one, and the patience."""
        held = torch.zeros_like(labels, dtype=torch.bool)
        held[torch.randperm(len(labels), generator=rng)[: max(1, round(self.config.share * len(labels)))]] = True
        return held, self.config.patience
