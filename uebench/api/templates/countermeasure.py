"""template: say here what the attacker does to protected images, and name the paper if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch  # loaded at its first use, so that planning stays fast
from uebench.plugins.base import Config, Countermeasure, Info, Radius

if TYPE_CHECKING:
    from torch import Tensor


class TemplateConfig(Config):
    """Options of ``template``; users write ``resnet18+template(strength=0.2)``.

    Attributes:
        strength: The largest change of an image's brightness.
    """

    strength: Radius = 0.1


class Template(Countermeasure[TemplateConfig]):
    """Makes each image of a batch brighter or darker, by a new random amount each time."""

    name = "template"
    version = 1  # raise it whenever outputs change
    info = Info(title="Random brightness", family="mine")
    Config = TemplateConfig
    place = "batch"  # or scope, set, step, epoch: override the hook of this place (on_batch), and no other

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images (B, 3, S, S) in [0, 1] and targets (B, K), whose rows sum to one."""
        # Draw all random numbers from rng, change nothing in place, and keep no state between calls.
        shift = (torch.rand(len(images), 1, 1, 1, generator=rng) * 2 - 1) * self.config.strength
        return (images + shift.to(images.device)).clamp(0, 1), targets
