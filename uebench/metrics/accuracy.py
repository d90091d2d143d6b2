"""Clean test accuracy as counts, and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.api import Classifier, ImageSet


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


def wilson(correct: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927), 95 % by default.

    Args:
        correct: Successes.
        n: Trials, at least 1.
        z: Standard normal quantile.
    """
    share, z2 = correct / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def student(shares: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % Student t interval of the mean of several seeds' proportions, cut to [0, 1].

    Args:
        shares: Two or more proportions.
    """
    from scipy.special import stdtrit

    half = float(stdtrit(len(shares) - 1, 0.975)) * stdev(shares) / math.sqrt(len(shares))
    return max(0.0, fmean(shares) - half), min(1.0, fmean(shares) + half)
