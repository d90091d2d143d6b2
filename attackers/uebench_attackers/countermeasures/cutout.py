"""Cutout: training images with holes.

Terrance DeVries, Graham W. Taylor. Improved Regularization of Convolutional Neural Networks with Cutout.
arXiv:1708.04552.

The defaults are those of the Segue authors, with two holes of half the side. ``cutout(holes=1)`` is that of the Cutout
paper for CIFAR-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import holes
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``cutout``.

    Attributes:
        holes: Number of holes in each image; 0 for none.
        length: Side of a hole as a share of the image's.
    """

    holes: int = Field(2, ge=0)
    length: float = Field(0.5, gt=0, le=1)


class Cutout(Countermeasure[Config]):
    """Blackens square holes with random centres in each image; a hole may reach beyond the edge."""

    name = "cutout"
    version = 1
    info = Info(
        title="Improved Regularization of Convolutional Neural Networks with Cutout",
        venue="arXiv",
        year=2017,
        url="https://arxiv.org/abs/1708.04552",
        family="augmentation",
    )
    Config = Config
    presets: ClassVar = {"segue_paper": {"holes": 2, "length": 0.5}, "segue_code": {"holes": 2, "length": 0.5}}
    why: ClassVar = {
        "segue_paper": "two holes of half the side (112 of 224 pixels), as section 5.5.3 of the Segue paper has it",
        "segue_code": "the same: the Segue authors' code and their text agree",
    }
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the images with holes."""
        side = round(self.config.length * images.shape[-1])
        inside = holes(len(images), images.shape[-1], self.config.holes, side, rng).to(images.device)
        return images.masked_fill(inside, 0), targets
