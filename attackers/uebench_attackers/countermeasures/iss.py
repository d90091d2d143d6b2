"""Image shortcut squeezing (ISS): grey images, and then strong JPEG compression.

Zhuoran Liu, Zhengyu Zhao, Martha Larson. Image Shortcut Squeezing: Countering Perturbative Availability Poisons with
Compression. ICML 2023 (arXiv:2301.13838). Greyscale removes a perturbation's changes of colour, and JPEG those at high
frequencies. The authors' tables have each on its own, which are ``grayscale`` and ``jpeg(quality=10)`` here. Their code
can also do one after the other, and this recipe does.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import ImageSet, Info
from uebench_attackers.countermeasures.grayscale import Grayscale
from uebench_attackers.countermeasures.jpeg import Config as JpegConfig
from uebench_attackers.countermeasures.jpeg import Jpeg


class Config(JpegConfig):
    """Options of ``iss``.

    Attributes:
        quality: Pillow's quality, 1 to 100.
        subsampling: Subsampling of the colour channels, which are empty here.
    """

    quality: int = Field(10, ge=1, le=100)


class Iss(Jpeg):
    """Makes every training image grey, then encodes and decodes it once, with a real codec."""

    name = "iss"
    version = 1
    info = Info(
        title="Image Shortcut Squeezing: Countering Perturbative Availability Poisons with Compression",
        venue="ICML",
        year=2023,
        url="https://arxiv.org/abs/2301.13838",
        family="compression",
    )
    Config = Config

    def on_set(self, train: ImageSet, rng: torch.Generator) -> torch.Tensor:
        """Return the grey images after Pillow encoded and decoded them."""
        grey = Grayscale(BaseConfig()).on_set(train, rng)
        return super().on_set(replace(train, images=grey), rng)
