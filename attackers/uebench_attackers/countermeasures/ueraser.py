"""UEraser: strong augmentation, the worst of several draws.

Tianrui Qin, Xitong Gao, Juanjuan Zhao, Kejiang Ye, Cheng-Zhong Xu. Learning the Unlearnable: Adversarial Augmentations
Suppress Unlearnable Example Attacks. arXiv:2303.15127, Algorithm 1. Plasma fields are octaves of bilinear noise here;
the authors take them from a library that draws them by midpoint displacement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import augmentations, networks, torch
from uebench.ops import augment_each, plasma
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``ueraser``.

    Attributes:
        repeat: Draws of which each image keeps the one with the highest loss; 1 is the authors' UEraser-lite, 5 in
            every epoch their UEraser-max.
    """

    repeat: int = Field(5, ge=1)


class UEraser(Countermeasure[Config]):
    """Plasma brightness and contrast, channel shuffle and TrivialAugment; of several draws the model's worst."""

    name = "ueraser"
    version = 1
    info = Info(
        title="Learning the Unlearnable: Adversarial Augmentations Suppress Unlearnable Example Attacks",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2303.15127",
        family="augmentation",
    )
    Config = Config
    place = "step"

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return one augmentation of each image."""
        draws = torch.stack([self._draw(images, rng) for _ in range(self.config.repeat)])
        if len(draws) == 1:
            return draws[0]
        with networks.trainable(model, False), torch.no_grad():
            losses = [torch.nn.functional.cross_entropy(model(draw), targets, reduction="none") for draw in draws]
        worst = torch.stack(losses).argmax(0)
        return draws[worst, torch.arange(len(images), device=images.device)]

    def _draw(self, images: Tensor, rng: torch.Generator) -> Tensor:
        count, size = len(images), images.shape[-1]
        light, contrast = (plasma(count, size, rng).to(images.device) for _ in range(2))
        strength = torch.rand(count, 1, 1, 1, generator=rng).to(images.device)
        bright = (images + (2 * light - 1) * strength).clamp(0, 1)
        contrasted = ((bright - 0.5) * 4 * contrast + 0.5).clamp(0, 1)
        order = torch.rand(count, 3, generator=rng).argsort(1).to(images.device)
        shuffled = contrasted.gather(1, order[:, :, None, None].expand_as(contrasted))
        return augment_each(shuffled, augmentations.TrivialAugmentWide(), rng)
