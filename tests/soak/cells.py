"""A method and an attacker whose cells take milliseconds, and which keep checkpoints as slow ones do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uebench.evaluation import checkpoints
from uebench.plugins.base import (
    Attacker,
    Batch,
    Config,
    Context,
    Countermeasure,
    ImageSet,
    Info,
    Method,
    Radius,
    Trained,
)

checkpoints.EARLY = 0.0  # keep checkpoints of these milliseconds


class PatternConfig(Config):
    """Options of ``soak_pattern``.

    Attributes:
        eps: L-inf bound.
        rounds: Of ``fit``.
    """

    eps: Radius = 8 / 255
    rounds: int = 5


class Pattern(Method[PatternConfig]):
    """Adds a pattern for each identity."""

    name = "soak_pattern"
    version = 1
    info = Info(title="Patterns for the soak test")
    Config = PatternConfig

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Draw the patterns, and draw them again."""
        pattern, done = torch.zeros(train.num_classes, 3, train.size, train.size), 0
        if saved := ctx.restore():
            pattern, done = saved.state["pattern"], saved.step
        for number in range(done, self.config.rounds):
            pattern = pattern / 2 + torch.rand(pattern.shape, generator=ctx.rng("round", number))
            ctx.save({"pattern": pattern}, number + 1)
        self._pattern = pattern / pattern.max()

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add them."""
        return (batch.images + self.config.eps * self._pattern[batch.labels]).clamp(0, 1)


class MeansConfig(Config):
    """Options of ``soak_means``.

    Attributes:
        epochs: How often the projection is drawn anew.
    """

    epochs: int = 5


class Means(Attacker[MeansConfig]):
    """Compares random projections of images with their mean for each identity."""

    name = "soak_means"
    version = 1
    info = Info(title="Nearest means for the soak test")
    Config = MeansConfig

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Draw the projection, and average."""
        images, curve = train.images.flatten(1).float() / 255, list[dict[str, Any]]()
        projection, means = torch.zeros(images.shape[1], 16), torch.zeros(train.num_classes, 16)
        if saved := ctx.restore():
            projection, curve = saved.state["projection"], list(saved.values["curve"])

        def classifier(images: Tensor) -> Tensor:
            return -torch.cdist(images.flatten(1) @ projection, means)

        def average() -> Tensor:
            sums = torch.zeros(train.num_classes, 16).index_add_(0, train.labels, images @ projection)
            return sums / train.labels.bincount()[:, None]

        for epoch in range(len(curve), self.config.epochs):
            projection = projection / 2 + torch.randn(projection.shape, generator=ctx.rng("projection", epoch))
            means = average()
            correct = int((classifier(images).argmax(1) == train.labels).sum())
            curve.append({"epoch": epoch + 1, "loss": 0.0, "train_correct": correct, **ctx.examine(classifier)})
            ctx.save({"projection": projection}, epoch + 1, curve=curve)
        means = average()
        seen = len(train) * len(curve)
        return Trained(classifier, tuple(curve), stopped="epochs", steps=0, seconds=0.0, images=seen, details={})
