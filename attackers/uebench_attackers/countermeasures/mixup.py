"""Mixup: convex combinations of training images, and of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import beta, partners
from uebench.plugins.base import Added, Countermeasure, Info
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``mixup``.

    Attributes:
        alpha: The weight of an image is drawn from Beta(alpha, alpha), once for each batch; 0 mixes nothing.
        partner: What it is mixed with: the ``previous`` image of the batch, or the one at the same place in the
            ``reversed`` batch.
    """

    alpha: float = Field(1.0, ge=0)
    partner: Annotated[Literal["previous", "reversed"], Added()] = "previous"


class Mixup(Countermeasure[Config]):
    """Mixes every image with another one of its batch."""

    name = "mixup"
    version = 1
    info = Info(
        title="mixup: Beyond Empirical Risk Minimization",
        venue="ICLR",
        year=2018,
        url="https://arxiv.org/abs/1710.09412",
        family="augmentation",
    )
    Config = Config
    presets: ClassVar = {"segue_paper": {"alpha": 1.0}, "segue_code": {"alpha": 1.0, "partner": "reversed"}}
    why: ClassVar = {
        "segue_paper": "section 5.5.3 of the Segue paper gives no alpha; 1 is that of the call in its authors' code",
        "segue_code": "the Segue authors' code: alpha 1 in the call (0.2 by default), the batch mixed with its reverse",
    }
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets."""
        if not self.config.alpha:
            return images, targets
        weight = beta(self.config.alpha, rng)
        others, their_targets = (partners(batch, self.config.partner) for batch in (images, targets))
        return torch.lerp(others, images, weight), torch.lerp(their_targets, targets, weight)
