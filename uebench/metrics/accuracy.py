"""A classifier's predictions for test images, and the number of correct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.plugins.base import Classifier, ImageSet


def predict(classifier: Classifier, test: ImageSet, batch: int = 100) -> Tensor:
    """Return the identity with the highest logit for each image, (N,) int64 on the CPU.

    Args:
        classifier: Maps images in [0, 1] to logits.
        test: The test images.
        batch: The batch size.
    """
    with torch.inference_mode():
        return torch.cat([classifier(part.images).argmax(1) for part in test.batches(batch)]).cpu()


def count_correct(classifier: Classifier, test: ImageSet) -> int:
    """Return the number of images whose identity the classifier predicts; see ``predict``."""
    return int((predict(classifier, test) == test.labels.cpu()).sum())
