"""What a protected set really is, after rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.lazy import torch
from uebench.metrics.quality import psnr_of, squared_lengths
from uebench.norms import NORMS, NormName


def audit(delta: NDArray[Any], norm: NormName = "none") -> dict[str, float | int | None]:
    """Measure a perturbation.

    Args:
        delta: (N, 3, H, W) integers: protected minus clean, in grey levels.
        norm: Of the method's budget.

    Returns:
        ``max_levels``: largest absolute change in grey levels; ``l2_mean`` and ``l2_max``: Euclidean length for each
        image, on the [0, 1] pixel scale; ``psnr_mean``: in dB, over images that changed, or None; ``changed``: how many
        did; ``pixels_max``: the most pixels that changed in one image, or None if the budget does not count them.
    """
    squares = squared_lengths(delta)
    return {
        "max_levels": max(int(delta.max()), -int(delta.min())),
        "l2_mean": float(np.sqrt(squares).mean()),
        "l2_max": float(np.sqrt(squares).max()),
        "psnr_mean": psnr_of(squares, math.prod(delta.shape[1:])),
        "changed": int((squares > 0).sum()),
        "pixels_max": int(NORMS["l0"].size(torch.from_numpy(delta).float()).max()) if norm == "l0" else None,
    }
