"""Random sharpening and a low-pass filter, against perturbations that blur.

Dohyun Kim, Pedro Sandoval-Segura. Learning from Convolution-based Unlearnable Datasets. NeurIPS 2024 Workshop on New
Frontiers in Adversarial Machine Learning (arXiv:2411.01742): random sharpening kernels (RSK) and then frequency
filtering (FF). Edges are mirrored here; the authors' images lose a pixel on each side.
They filter before they flip and crop, and uebench after it. ``resnet18(flip=false, crop=0)+sharpen_dct+flip_crop`` has
their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import lowest_frequencies
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, Info

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``sharpen_dct``.

    Attributes:
        centre: Mean of the kernel's centre c. Its four neighbours have the mean -(c - 1) / 4. 1 does not sharpen.
        spread: Standard deviation of all five weights, drawn each time an image is used; 0 sharpens all alike.
        keep: Share of the rows, and of the columns, of an image's cosine transform that is kept; 1 filters nothing.
    """

    centre: float = Field(2.5, ge=1)
    spread: float = Field(0.1, ge=0)
    keep: float = Field(0.3, gt=0, le=1)


class SharpenDct(Countermeasure[Config]):
    """Sharpens each image of a batch with a 3x3 kernel of its own, and keeps its lowest frequencies."""

    name = "sharpen_dct"
    version = 1
    info = Info(
        title="Learning from Convolution-based Unlearnable Datasets",
        venue="NeurIPS Workshops",
        year=2024,
        url="https://arxiv.org/abs/2411.01742",
        family="filter",
    )
    Config = Config
    place = "batch"

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the filtered images, in [0, 1]."""
        config = self.config
        if config.centre != 1 or config.spread:
            images = self._sharpened(images, rng)
        if (kept := max(1, int(config.keep * images.shape[-1]))) < images.shape[-1]:
            images = lowest_frequencies(images, kept).clamp(0, 1)
        return images, targets

    def _sharpened(self, images: Tensor, rng: torch.Generator) -> Tensor:
        draws = torch.randn(5, len(images), 1, 1, 1, generator=rng) * self.config.spread
        centre = self.config.centre + draws[0]
        weights = torch.cat([centre[None], -((centre - 1) / 4 + draws[1:])]).to(images.device)
        padded = torch.nn.functional.pad(images, [1] * 4, mode="reflect")
        middle, before, after = slice(1, -1), slice(None, -2), slice(2, None)
        places = [(middle, middle), (before, middle), (after, middle), (middle, before), (middle, after)]
        parts = [weight * padded[..., row, column] for weight, (row, column) in zip(weights, places, strict=True)]
        return torch.stack(parts).sum(0).clamp(0, 1)
