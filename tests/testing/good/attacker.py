"""An attacker without a fault, and without an option ``batch``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uebench.plugins.base import Attacker, Config, Context, Countermeasure, ImageSet, Info, Trained


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        epochs: How often the projection is drawn anew.
    """

    epochs: int = 3


class Mine(Attacker[MineConfig]):
    """Compares random projections of images with their mean for each identity."""

    name = "mine"
    version = 1
    info = Info(title="Nearest mean of a random projection")
    Config = MineConfig
    places = ("batch",)

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Draw the projection, and average."""
        images, targets = train.images.float() / 255, torch.eye(train.num_classes)[train.labels]
        for measure in countermeasures:
            images, targets = measure.on_batch(images, targets, ctx.rng("batch"))
        projection, curve = torch.zeros(images[0].numel(), 16), []
        if saved := ctx.restore():
            projection, curve = saved.state["projection"], list(saved.values["curve"])
        means = torch.zeros(train.num_classes, 16)

        def classifier(images: Tensor) -> Tensor:
            return -torch.cdist(images.flatten(1) @ projection, means)

        for epoch in range(len(curve), self.config.epochs):
            projection = projection / 2 + torch.randn(projection.shape, generator=ctx.rng("projection", epoch))
            means = _means(images, targets, projection)
            correct = int((classifier(images).argmax(1) == targets.argmax(1)).sum())
            curve.append({"epoch": epoch + 1, "loss": 0.0, "train_correct": correct, **ctx.examine(classifier)})
            ctx.save({"projection": projection}, epoch + 1, curve=curve)
        means = _means(images, targets, projection)
        seen = len(train) * len(curve)
        return Trained(classifier, tuple(curve), stopped="epochs", steps=0, seconds=0.0, images=seen, details={})


def _means(images: Tensor, targets: Tensor, projection: Tensor) -> Tensor:
    return targets.T @ (images.flatten(1) @ projection) / targets.sum(0)[:, None]
