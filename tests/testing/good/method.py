"""A method without a fault; tests/testing/test_faults.py plants one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from pydantic import Field
from torch import Tensor

from uebench.plugins.base import Batch, Config, Context, ImageSet, Info, Method, Radius, Shape


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        eps: L-inf bound.
        epochs: Of ``fit``.
    """

    eps: Radius = 8 / 255
    epochs: int = Field(3, ge=1)


class Mine(Method[MineConfig]):
    """Adds a pattern for each identity."""

    name = "mine"
    version = 1
    info = Info(title="Patterns")
    Config = MineConfig

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse what it cannot protect."""
        return "patterns have 64 pixels at least" if shape.size < 8 else None

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Draw patterns, and draw them again."""
        pattern, done = torch.zeros(train.num_classes, 3, train.size, train.size), 0
        if saved := ctx.restore():
            pattern, done = saved.state["pattern"], saved.step
        for epoch in range(done, self.config.epochs):
            pattern = pattern / 2 + torch.rand(pattern.shape, generator=ctx.rng("epoch", epoch))
            ctx.save({"pattern": pattern}, epoch + 1)
        self._pattern = pattern / pattern.max()

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add them."""
        images = batch.images + self.config.eps * self._pattern[batch.labels]
        return images.clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return the patterns."""
        return {"pattern": self._pattern}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take them over."""
        self._pattern = state["pattern"]
        return self
