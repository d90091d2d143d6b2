"""What the tests of noise methods share: short settings, mid-grey sets, and a surrogate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from uebench.networks import classifier
from uebench.plugins.base import ImageSet

SHORT_ROUNDS = "batch=6, train_steps=2, steps=2, stop_error=0.0"
SHORT = f"rounds=2, {SHORT_ROUNDS}"


def grey(train: ImageSet) -> ImageSet:
    """Return the set with every pixel at mid-grey, where no perturbation is cut off."""
    return ImageSet(torch.full_like(train.images, 128), train.labels, train.num_classes)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def a_surrogate(classes: int = 3) -> Any:  # noqa: ANN401
    torch.manual_seed(0)
    model = classifier("resnet18", classes, 32)
    for _ in range(3):
        model(rand(8, 3, 32, 32))
    return model
