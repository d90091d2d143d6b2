"""template: say here what the attacker trains, and name the paper if there is one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from uebench.lazy import networks  # loaded at its first use, so that planning stays fast
from uebench.plugins.base import Attacker, Context, Countermeasure, ImageSet, Info, Trained, Training
from uebench.training.loop import supervised


class TemplateConfig(Training):
    """Options of ``template``: those of the training, and its own.

    Attributes:
        model: A network of timm.
        epochs: Passes over the training set.
    """

    model: str = "resnet10t"
    epochs: int = Field(40, ge=1)


class Template(Attacker[TemplateConfig]):
    """Trains a small residual network from scratch."""

    name = "template"
    version = 1  # raise it whenever outputs change
    info = Info(title="A small residual network", family="mine")
    Config = TemplateConfig
    places = ("batch", "step", "epoch")  # where fit calls countermeasures; ``supervised`` does so in all three
    follows_preset = True  # the preset of a run sets the training options that the user leaves out

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train on a set that may be protected."""
        # train.images is (N, 3, S, S) uint8, train.labels (N,). ``supervised`` draws its random numbers from ctx,
        # saves checkpoints and lets the referee count after each epoch. Your own loop must do the same: see
        # uebench.plugins.base.Context. Any function from images in [0, 1] to logits (B, K) is a classifier.
        model = networks.classifier(self.config.model, train.num_classes, train.size, precision=self.config.precision)
        return supervised(model, train, self.config, countermeasures, ctx)
