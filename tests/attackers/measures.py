"""What the tests of countermeasures share: a small set, and each hook on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import torch
from torch import Tensor

from uebench.networks import classifier
from uebench.plugins.base import Config, Countermeasure, ImageSet, Info
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


class Measure(Countermeasure[Config]):
    """Does nothing; a test inherits from it and writes the place and the hook."""

    name = "measure"
    version = 1
    info = Info(title="A countermeasure for a test")
    Config = Config


def build(text: str) -> Countermeasure[Any]:
    built = Registry().build("countermeasure", parse(text))
    assert isinstance(built, Countermeasure)
    return built


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def faces(count: int = 6, size: int = 24) -> ImageSet:
    """Smooth random images, as photographs are."""
    rough = np.random.default_rng(0).normal(size=(count, 3, size, size))
    smooth = scipy.ndimage.gaussian_filter(rough, (0, 0, 2, 2))
    pixels = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return ImageSet(torch.from_numpy(pixels), torch.arange(count) % 3, 3)


TRAIN = faces()


def on_set(text: str) -> Tensor:
    return build(text).on_set(TRAIN, rng())


GREY = ImageSet(on_set("grayscale"), TRAIN.labels, 3)


def on_batch(text: str, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images = TRAIN.images.float() / 255
    targets = torch.nn.functional.one_hot(TRAIN.labels, 3).float()
    return (images, targets, *build(text).on_batch(images, targets, rng(seed)))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return classifier("test_resnet", 3, 32)
