"""Adversarial training."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import sign_steps
from uebench.plugins.base import Added, Countermeasure, Info, Radius
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``adversarial``.

    Attributes:
        rho: Radius rho_a of the L-inf ball; 0 for ordinary training.
        steps: Sign steps.
        step: Size of each step; ``none``: rho / steps.
        random_start: Start anywhere in the ball instead of at the image.
        mode: The network's mode during the search. ``eval``: normalisations use their running statistics, which do not
            change. ``train``: they use those of the batch, and each step updates the running ones; dropout is on.
        clamp: When pixels are clamped to [0, 1]: after each ``step``, or at the ``end`` only.
    """

    rho: Radius = 4 / 255
    steps: int = Field(5, ge=1)
    step: Radius | None = None
    random_start: bool = False
    mode: Annotated[Literal["eval", "train"], Added()] = "eval"
    clamp: Annotated[Literal["step", "end"], Added()] = "step"


SEGUE = {"steps": 5, "mode": "train", "clamp": "end"}


class Adversarial(Countermeasure[Config]):
    """Trains on examples that raise the model's loss, found by projected sign ascent."""

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
    presets: ClassVar = {
        "official": {"steps": 10, "step": 0.8 / 255, "random_start": True},
        "segue_paper": SEGUE, "paper": SEGUE, "desk": {"steps": 2}, "desk64": {"steps": 2},
    }  # fmt: skip
    why: ClassVar = {
        "official": "the RUE authors': ten steps of 0.8/255, a fifth of 4/255, from a random point of the ball; with "
        "another radius, give step=rho/5",
        "segue_paper": "the Segue authors' code: five steps of rho/5 from the image, with the network in train mode",
        "paper": "as segue_paper",
        "desk": "two steps of half the radius: half the gradients of the usual five",
        "desk64": "as desk",
    }
    place = "step"

    @property
    def robust_radius(self) -> float:
        """Return rho."""
        return self.config.rho

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return adversarial images in [0, 1]."""
        config = self.config
        if not config.rho:
            return images
        start = None
        if config.random_start:
            start = (torch.rand(images.shape, generator=rng).to(images.device) * 2 - 1) * config.rho
            start = (images + start).clamp(0, 1) - images
        step = config.rho / config.steps if config.step is None else config.step
        with networks.trainable(model, False) if config.mode == "eval" else nullcontext():
            delta = sign_steps(
                lambda point: torch.nn.functional.cross_entropy(model(point), targets),
                images,
                radius=config.rho,
                step=step,
                steps=config.steps,
                ascend=True,
                start=start,
                clamp=config.clamp == "step",
            )
        return images + delta if config.clamp == "step" else (images + delta).clamp(0, 1)
