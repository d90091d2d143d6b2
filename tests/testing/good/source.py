"""A source without a fault."""

from __future__ import annotations

import numpy as np

from uebench.plugins.base import Config, Info, Source, Split


class MineConfig(Config):
    """Options of ``mine``.

    Attributes:
        seed: Of all.
    """

    seed: int = 0


class Mine(Source[MineConfig]):
    """Noise of three people."""

    name = "mine"
    version = 1
    info = Info(title="Noise")
    Config = MineConfig

    def label(self) -> str:
        """Return the name."""
        return "noise"

    def read(self, size: int) -> tuple[Split, Split]:
        """Draw."""
        rng = np.random.default_rng(self.config.seed)
        labels = np.arange(3).repeat(2)
        images = rng.integers(0, 256, (2, len(labels), 3, size, size), np.uint8)
        return Split(images[0], labels), Split(images[1], labels)
