"""What a classifier says of test images, and how much of it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.plugins.base import Classifier, ImageSet


def predict(classifier: Classifier, test: ImageSet, batch: int = 100) -> Tensor:
    """Return the identity with the highest logit for each image, (N,) int64 on the CPU.

    Args:
        classifier: Images in [0, 1] -> logits.
        test: Images.
        batch: Images at a time.
    """
    with torch.inference_mode():
        return torch.cat([classifier(part.images).argmax(1) for part in test.batches(batch)]).cpu()


def count_correct(classifier: Classifier, test: ImageSet) -> Tensor:
    """Count the correct answers for each identity.

    Args:
        classifier: Images in [0, 1] -> logits.
        test: Images with their identities.

    Returns:
        (K,) int64.
    """
    labels = test.labels.cpu()
    return torch.bincount(labels[predict(classifier, test) == labels], minlength=test.num_classes)
