"""Adversarial training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import sign_steps
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info, Radius

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``adversarial``.

    Attributes:
        rho: Radius rho_a of the L-inf ball; 0 for ordinary training.
        steps: Sign steps.
        step: Their size; ``none``: rho / steps.
        random_start: Start anywhere in the ball instead of at the image.
    """

    rho: Radius = 4 / 255
    steps: int = Field(5, ge=1)
    step: Radius | None = None
    random_start: bool = False


class Adversarial(Countermeasure[Config]):
    """Trains on examples that raise the model's loss: projected sign ascent, with the model in eval mode."""

    name = "adversarial"
    version = 1
    info = Info(
        title="Towards Deep Learning Models Resistant to Adversarial Attacks",
        venue="ICLR",
        year=2018,
        url="https://arxiv.org/abs/1706.06083",
        family="adversarial training",
    )
    Config = Config
    presets: ClassVar = {"desk": {"steps": 2}, "desk64": {"steps": 2}}
    why: ClassVar = {
        "desk": "two steps of half the radius: half the gradients of the usual five",
        "desk64": "the same",
    }
    place = "step"

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return adversarial images in [0, 1]."""
        config = self.config
        if not config.rho:
            return images
        start = None
        if config.random_start:
            start = (torch.rand(images.shape, generator=rng).to(images.device) * 2 - 1) * config.rho
            start = (images + start).clamp(0, 1) - images
        with networks.trainable(model, False):
            return images + sign_steps(
                lambda point: torch.nn.functional.cross_entropy(model(point), targets),
                images,
                radius=config.rho,
                step=config.rho / config.steps if config.step is None else config.step,
                steps=config.steps,
                ascend=True,
                start=start,
            )
