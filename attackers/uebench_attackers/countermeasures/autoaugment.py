"""Automatic augmentation with torchvision: RandAugment and TrivialAugment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import augmentations, torch
from uebench.ops import augment_each
from uebench.plugins.base import Config, Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class RandConfig(Config):
    """Options of ``randaugment``.

    Attributes:
        operations: Number of operations, one after the other.
        magnitude: Strength of all operations, 0 to 30.
    """

    operations: int = Field(2, ge=0)
    magnitude: int = Field(9, ge=0, le=30)


class RandAugment(Countermeasure[RandConfig]):
    """Applies operations drawn at random, all of one strength, to each image of a batch."""

    name = "randaugment"
    version = 1
    info = Info(
        title="RandAugment: Practical Automated Data Augmentation with a Reduced Search Space",
        venue="NeurIPS",
        year=2020,
        url="https://arxiv.org/abs/1909.13719",
        family="augmentation",
    )
    Config = RandConfig
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the augmented images."""
        if not self.config.operations:
            return images, targets
        augment = augmentations.RandAugment(self.config.operations, self.config.magnitude)
        return augment_each(images, augment, rng), targets


class TrivialAugment(Countermeasure[Config]):
    """Applies one operation of random kind and strength to each image of a batch."""

    name = "trivialaugment"
    version = 1
    info = Info(
        title="TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation",
        venue="ICCV",
        year=2021,
        url="https://arxiv.org/abs/2103.10158",
        family="augmentation",
    )
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the augmented images."""
        return augment_each(images, augmentations.TrivialAugmentWide(), rng), targets
