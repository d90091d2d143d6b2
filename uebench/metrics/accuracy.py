"""Clean test accuracy as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.plugins.base import Classifier, ImageSet


def count_correct(classifier: Classifier, test: ImageSet, batch: int = 100) -> Tensor:
    """Count the correct answers for each identity.

    Args:
        classifier: Images in [0, 1] -> logits.
        test: The clean test set.
        batch: Images at a time.

    Returns:
        (K,) int64.
    """
    correct = torch.zeros(test.num_classes, dtype=torch.int64)
    with torch.inference_mode():
        for part in test.batches(batch):
            right = (classifier(part.images).argmax(1) == part.labels).cpu()
            correct += torch.bincount(part.labels.cpu()[right], minlength=test.num_classes)
    return correct
