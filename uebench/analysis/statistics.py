"""95% intervals of accuracies. Importable without numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def wilson(correct: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927), 95% by default.

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
    """Return the 95% Student t interval of the mean of several seeds' proportions, cut to [0, 1].

    Args:
        shares: Two or more proportions.
    """
    from scipy.special import stdtrit

    half = float(stdtrit(len(shares) - 1, 0.975)) * stdev(shares) / math.sqrt(len(shares))
    return max(0.0, fmean(shares) - half), min(1.0, fmean(shares) + half)
