"""CutMix: patches of other training images, and a share of their labels.

Sangdoo Yun, Dongyoon Han, Seong Joon Oh, Sanghyuk Chun, Junsuk Choe, Youngjoon Yoo. CutMix: Regularization Strategy to
Train Strong Classifiers with Localizable Features. ICCV 2019 (arXiv:1905.04899).

The defaults are those of the Segue authors, with two patches of half the side. ``cutmix(holes=1, length=none)`` is that
of the CutMix paper.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import beta, holes, partners
from uebench.plugins.base import Added, Countermeasure, Info
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``cutmix``.

    Attributes:
        holes: Number of patches; 0 for none.
        length: Side of a patch as a share of the image's; ``none``: the square root of a draw from Beta(alpha, alpha).
        blend: Mix inside the patches, with a weight from Beta(alpha, alpha), instead of replacing.
        alpha: Parameter of these distributions.
        partner: Where a patch comes from: the ``previous`` image of the batch, or the one at the same place in the
            ``reversed`` batch.
    """

    holes: int = Field(2, ge=0)
    length: float | None = Field(0.5, gt=0, le=1)
    blend: bool = False
    alpha: float = Field(1.0, gt=0)
    partner: Annotated[Literal["previous", "reversed"], Added()] = "previous"


class CutMix(Countermeasure[Config]):
    """Pastes square patches of another image of the batch, all images at the same places; labels mix by area."""

    name = "cutmix"
    version = 1
    info = Info(
        title="CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
        venue="ICCV",
        year=2019,
        url="https://arxiv.org/abs/1905.04899",
        family="augmentation",
    )
    Config = Config
    presets: ClassVar = {"segue_paper": {"blend": True}, "segue_code": {"partner": "reversed"}}
    why: ClassVar = {
        "segue_paper": "Mixup inside the two holes of Cutout, as section 5.5.3 of the Segue paper has it",
        "segue_code": "the Segue authors' code: two holes of half the side, where the image is replaced, not blended",
    }
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets."""
        config, size = self.config, images.shape[-1]
        if not config.holes:
            return images, targets
        share = config.length or math.sqrt(beta(config.alpha, rng))
        inside = holes(1, size, config.holes, round(share * size), rng).to(images.device)
        weight = beta(config.alpha, rng) if config.blend else 0.0
        other = (1 - weight) * float(inside.float().mean())
        mixed = torch.where(inside, torch.lerp(partners(images, config.partner), images, weight), images)
        return mixed, torch.lerp(targets, partners(targets, config.partner), other)
