"""JPEG compression of the training images, the standard cheap way to wash perturbations out."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info


class Config(BaseConfig):
    """Options of ``jpeg``.

    Attributes:
        quality: Pillow's quality, 1 to 100.
        subsampling: Subsampling of the colour channels.
    """

    quality: int = Field(50, ge=1, le=100)
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:2:0"


class Jpeg(Countermeasure[Config]):
    """Encodes and decodes every training image once, with a real codec."""

    name = "jpeg"
    version = 1
    info = Info(title="JPEG compression (ISS: Liu et al., ICML 2023)", venue="ICML", year=2023, family="compression")
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> torch.Tensor:
        """Return the images after Pillow encoded and decoded them."""
        decoded = [self._through(image) for image in train.images.permute(0, 2, 3, 1).cpu().numpy()]
        return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).contiguous().to(train.images.device)

    def _through(self, pixels: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=self.config.quality, subsampling=self.config.subsampling)
        return np.asarray(Image.open(file))
