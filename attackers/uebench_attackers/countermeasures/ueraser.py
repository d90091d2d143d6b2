"""UEraser: strong augmentation, the worst of several draws.

Tianrui Qin, Xitong Gao, Juanjuan Zhao, Kejiang Ye, Cheng-Zhong Xu. Learning the Unlearnable: Adversarial Augmentations
Suppress Unlearnable Example Attacks. arXiv:2303.15127, Algorithm 1.

Deviations from the authors' code: plasma fields are octaves of bilinear noise, where their library displaces midpoints,
and the channels of an image share a field; TrivialAugment is torchvision's; and the gradient comes from another pass,
over the worst draws alone. Roughness and strength are those of the authors' later code; the earlier had wider ranges
and changed no contrast.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar, Literal

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
            every epoch their UEraser-max. Their UEraser has 5 in the first 60 of 200 epochs, and then 1.
        p: Probability with which an image is brightened, likewise its contrast changed, likewise its channels
            shuffled. TrivialAugment always follows.
        mode: The network's mode while it judges the draws. ``eval``: normalisations use their running statistics, which
            do not change. ``train``: they use those of the draw, and each draw updates the running ones.
    """

    repeat: int = Field(5, ge=1)
    p: float = Field(0.5, ge=0, le=1)
    mode: Literal["eval", "train"] = "eval"


AUTHORS = {"mode": "train"}


class UEraser(Countermeasure[Config]):
    """Plasma brightness and contrast, channel shuffle and TrivialAugment; of several draws the model's worst."""

    name = "ueraser"
    version = 3
    info = Info(
        title="Learning the Unlearnable: Adversarial Augmentations Suppress Unlearnable Example Attacks",
        venue="arXiv",
        year=2023,
        url="https://arxiv.org/abs/2303.15127",
        family="augmentation",
    )
    Config = Config
    presets: ClassVar = {"official": AUTHORS, "paper": AUTHORS, "desk": AUTHORS, "desk64": AUTHORS}
    why: ClassVar = {
        "official": "the authors' code, with the network in train mode",
        "paper": "as official",
        "desk": "as official",
        "desk64": "as official",
    }
    place = "step"

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return one augmentation of each image."""
        draws = torch.stack([self._draw(images, rng) for _ in range(self.config.repeat)])
        if len(draws) == 1:
            return draws[0]
        with networks.trainable(model, False) if self.config.mode == "eval" else nullcontext(), torch.no_grad():
            losses = [torch.nn.functional.cross_entropy(model(draw), targets, reduction="none") for draw in draws]
        worst = torch.stack(losses).argmax(0)
        return draws[worst, torch.arange(len(images), device=images.device)]

    def _draw(self, images: Tensor, rng: torch.Generator) -> Tensor:
        count, size = len(images), images.shape[-1]

        def at_random(changed: Tensor, kept: Tensor) -> Tensor:
            chosen = torch.rand(count, 1, 1, 1, generator=rng).lt(self.config.p).to(kept.device)
            return torch.where(chosen, changed, kept)

        light, contrast = (plasma(count, size, rng).to(images.device) for _ in range(2))
        strength = 0.5 + 0.5 * torch.rand(count, 1, 1, 1, generator=rng).to(images.device)
        images = at_random((images + (2 * light - 1) * strength).clamp(0, 1), images)
        images = at_random(((images - 0.5) * 4 * contrast + 0.5).clamp(0, 1), images)
        order = torch.rand(count, 3, generator=rng).argsort(1).to(images.device)
        images = at_random(images.gather(1, order[:, :, None, None].expand_as(images)), images)
        return augment_each(images, augmentations.TrivialAugmentWide(), rng)
