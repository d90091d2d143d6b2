"""Training on grey images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch, transforms
from uebench.ops import map_levels
from uebench.plugins.base import Config, Countermeasure, ImageSet, Info

if TYPE_CHECKING:
    from torch import Tensor


class Grayscale(Countermeasure[Config]):
    """Replaces the three channels of every training image by their luma (ITU-R BT.601)."""

    name = "grayscale"
    version = 1
    info = Info(title="Grey images (ISS: Liu et al., ICML 2023)", venue="ICML", year=2023, family="compression")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return grey images in three equal channels."""
        return map_levels(train.images, lambda images: transforms.rgb_to_grayscale(images, 3))
