"""TAP: targeted adversarial poisons, the adversarial examples of a network that learned the clean images.

Liam Fowl, Micah Goldblum, Ping-yeh Chiang, Jonas Geiping, Wojciech Czaja, Tom Goldstein. Adversarial Examples Make
Strong Poisons. NeurIPS 2021 (arXiv:2106.10807), section 3.

``ue(variant=error_max)`` is a near relative of the untargeted variant. There, surrogate and noise take turns and the
surrogate trains on the protected images; here, it sees clean images only.

Deviations from the authors' code: the surrogate's rate follows a cosine rather than three drops, its SGD is without
Nesterov's momentum, and its images are scaled to [-1, 1]; images are shifted by whole pixels, not by fractions of one;
the noise starts uniform rather than normal; the best restart is chosen for each image without shifts and mirroring, not
for the whole set with them; noise is kept in steps of eps/127; and ``by_size`` gives the surrogate its small stem up to
112 pixels, where they use it at 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Info, Radius
from uebench.training.fixed_surrogate import FixedSurrogateMethod, FixedSurrogateOptions

if TYPE_CHECKING:
    from torch import Tensor


class Config(FixedSurrogateOptions):
    """Options of ``tap``.

    Attributes:
        variant: ``targeted``: noise that makes the surrogate see the next identity, y + 1 modulo K; ``untargeted``:
            noise that makes it see any identity but the true one.
    """

    variant: Literal["targeted", "untargeted"] = "targeted"
    steps: int = Field(250, ge=1)
    step: Radius = 0.4 / 255
    restarts: int = Field(8, ge=1)
    augment: bool = True
    start: Literal["zero", "uniform"] = "uniform"
    epochs: int = Field(40, ge=1)


DESK = {
    "batch": 32, "epochs": 20, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "steps": 30, "step": 0.8 / 255,
    "restarts": 1,
}  # fmt: skip


class Tap(FixedSurrogateMethod[Config]):
    """Noise that makes a trained network take the images of each identity for those of one other."""

    name = "tap"
    version = 1
    info = Info(
        title="Adversarial Examples Make Strong Poisons",
        venue="NeurIPS",
        year=2021,
        url="https://arxiv.org/abs/2106.10807",
        family="adversarial",
    )
    Config = Config
    presets: ClassVar = {
        "official": {"stem": "by_size"},
        "paper": {"stem": "by_size", "crop": 28},
        "desk": DESK | {"crop": 12, "precision": "bfloat16"},
        "desk64": DESK | {"crop": 8},
        "smoke": {"batch": 16, "epochs": 1, "steps": 2, "restarts": 1},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command: 250 steps of eps/20 and eight restarts",
        "paper": "official, with shifts of an eighth of the image as at 32 px",
        "desk": "official with 30 steps of eps/10, one restart, shifts of an eighth of the image, and 20 epochs with "
        "Adam: a surrogate learns small sets sooner with it",
        "desk64": "the same in float32",
    }

    def objective(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy for the next identity, or minus that for the true one."""
        if self.config.variant == "untargeted":
            return -torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        return torch.nn.functional.cross_entropy(logits, (labels + 1) % logits.shape[1], reduction="none")
