"""Draw the batches of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from uebench.lazy import torch
from uebench.plugins.base import Batch, ImageSet

if TYPE_CHECKING:
    from torch import Generator


def draw(train: ImageSet, size: int, rng: Generator, *, count: int = 0) -> Iterator[Batch]:
    """Yield full batches in random order.

    Args:
        train: The set to draw from.
        size: Images per batch; all images of a smaller set.
        rng: A CPU generator.
        count: Number of batches, in as many passes as needed; 0: one pass, without the last incomplete batch.
    """
    size = min(size, len(train))
    total = size * (count or len(train) // size)
    passes = math.ceil(total / len(train))
    order = torch.cat([torch.randperm(len(train), generator=rng) for _ in range(passes)])
    return train.batches(size, order=order[:total])


def trainable_images(count: int, size: int) -> int:
    """Return how many of ``count`` images a pass in batches of ``size`` trains on.

    It is all of them, except a last batch of one image, because batch normalisation cannot train on a single image.
    """
    return count - 1 if count % size == 1 else count
