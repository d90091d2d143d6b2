"""Hypocritical perturbations: noise that makes every image easier for a network that learned the clean images.

Lue Tao, Lei Feng, Jinfeng Yi, Sheng-Jun Huang, Songcan Chen. Better Safe Than Sorry: Preventing Delusive Adversaries
with Adversarial Training. NeurIPS 2021 (arXiv:2102.04716), attack P2.

Deviations from the authors' code: the bound is theirs in L-inf, not their default of 0.5 in L2; the surrogate is a
ResNet-18 rather than a VGG-16 and trains on all images, with a cosine rather than two drops, on images scaled to
[-1, 1]; and noise is kept in steps of eps/127.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Info, Radius
from uebench.training.fixed_surrogate import FixedSurrogateMethod, FixedSurrogateOptions

if TYPE_CHECKING:
    from torch import Tensor


class Config(FixedSurrogateOptions):
    """Options of ``hypocritical``."""

    steps: int = Field(100, ge=1)
    step: Radius = 1.6 / 255
    epochs: int = Field(150, ge=1)


DESK = {"batch": 32, "epochs": 20, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "steps": 20}


class Hypocritical(FixedSurrogateMethod[Config]):
    """Noise that makes a trained network more certain of the true identity."""

    name = "hypocritical"
    version = 1
    info = Info(
        title="Better Safe Than Sorry: Preventing Delusive Adversaries with Adversarial Training",
        venue="NeurIPS",
        year=2021,
        url="https://arxiv.org/abs/2102.04716",
        family="adversarial",
    )
    Config = Config
    presets: ClassVar = {
        "official": {"stem": "by_size"},
        "paper": {"stem": "by_size", "crop": 28},
        "desk": DESK | {"crop": 12, "precision": "bfloat16"},
        "desk64": DESK | {"crop": 8},
        "smoke": {"batch": 16, "epochs": 1, "steps": 2},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command in L-inf: 100 steps of eps/5",
        "paper": "official, with shifts of an eighth of the image as at 32 px",
        "desk": "official with a fifth of the steps, shifts of an eighth of the image, and 20 epochs with Adam: a "
        "surrogate learns small sets sooner with it",
        "desk64": "the same in float32",
    }

    def objective(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy for the true identity."""
        return torch.nn.functional.cross_entropy(logits, labels, reduction="none")
