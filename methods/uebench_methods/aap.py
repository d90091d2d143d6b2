"""AAP: augmented adversarial poisons, TAP with a surrogate that sees contrastive views.

Yihan Wang, Yifan Zhu, Xiao-Shan Gao. Efficient Availability Attacks against Supervised and Contrastive Learning
Simultaneously. NeurIPS 2024 (arXiv:2402.04010), AAP.

Deviations from the authors' code: those of ``aue``; and the surrogate's rate changes with every step, not every epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.ops import view_of_strength
from uebench.plugins.base import Info, Radius
from uebench.training.fixed_surrogate import Augmentation
from uebench_methods import aue, tap

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class AapConfig(tap.Config):
    """Options of ``aap``.

    Attributes:
        ref_strength: Strength of the views that the surrogate learns from, in [0, 1]; 0 for the images themselves.
        gen_strength: Strength of the views in the steps of the noise, likewise.
        augment: Mirror and shift the images as well, before the view, as ``flip`` and ``crop`` say.
    """

    ref_strength: float = Field(0.4, ge=0, le=1)
    gen_strength: float = Field(0.4, ge=0, le=1)
    step: Radius = 0.08 / 255
    restarts: int = Field(1, ge=1)
    augment: bool = False
    start: Literal["zero", "uniform"] = "zero"
    schedule: Literal["constant", "cosine", "oscillating", "warm_cosine"] = "warm_cosine"
    lr: float = Field(0.5, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    flip: bool = False
    crop: int = Field(0, ge=0)


DESK = {
    "batch": 32, "epochs": 40, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "steps": 30,
    "step": 8 / 12 / 255,
}  # fmt: skip


class Aap(tap.Tap):
    """Noise that makes a trained network take random views of an image for another identity."""

    name = "aap"
    version = 1
    info = Info(
        title="Efficient Availability Attacks against Supervised and Contrastive Learning Simultaneously",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2402.04010",
        family="adversarial",
    )
    Config = AapConfig
    presets: ClassVar = {
        "official": aue.AUTHORS,
        "official_cifar100": aue.AUTHORS | {"ref_strength": 0.8, "gen_strength": 0.8},
        "paper": aue.AUTHORS,
        "desk": DESK | {"precision": "bfloat16"},
        "desk64": DESK,
        "smoke": {"batch": 16, "epochs": 1, "steps": 2, "step": 10 / 255},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command: strengths 0.4, 40 epochs, 250 steps of eps/100, 2.5 eps in all",
        "official_cifar100": "the authors' CIFAR-100 command: the same with strengths 0.8",
        "paper": "as official",
        "desk": "official with 30 steps of eps/12, which add up to the authors' 2.5 eps, and Adam: a surrogate learns "
        "small sets sooner with it",
        "desk64": "the same in float32",
    }
    earlier: ClassVar = {
        "6e9cf5298f129ae5c60d9d9b9a8f51a283ee54c82afb543d4f1a851e4d522259": "it was no subclass of tap",
        "1b708be669312dad90fac1bb67cffa066abe1a0460a64b000f509a314b826189": "the digest left out imported modules",
    }

    config: AapConfig

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """Return the views that the surrogate learns from."""
        return (Augmentation(lambda images, rng: view_of_strength(images, rng, self.config.ref_strength)),)

    def view(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return random views of the images for one step of the noise."""
        return view_of_strength(super().view(images, rng), rng, self.config.gen_strength)
