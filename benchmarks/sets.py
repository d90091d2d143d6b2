"""Sets of images for the benchmarks, loaded as a run loads them."""

from __future__ import annotations

import torch

from uebench.data.dataset import load
from uebench.evaluation import referee
from uebench.plugins.base import ImageSet
from uebench.plugins.registry import Registry

CPU = torch.device("cpu")


def training_set(text: str, size: int) -> ImageSet:
    """Return the training images of a source, such as ``orl`` or ``synthetic(identities=4)``, at ``size`` pixels."""
    dataset = load(text, size, Registry())
    return referee.image_set(dataset.train, dataset.num_classes, CPU)
