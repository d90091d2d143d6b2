"""The perturbation of a protected set as measured after rounding to grey levels."""

from __future__ import annotations

import math
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from uebench.lazy import torch
from uebench.metrics.quality import psnr, squared_lengths
from uebench.norms import NORMS, NormName


class Measured(TypedDict):
    """The measured perturbation.

    Attributes:
        max_levels: The largest absolute change in grey levels.
        l2_mean: The mean Euclidean length per image, on the [0, 1] pixel scale.
        l2_max: The largest one.
        psnr_mean: The mean PSNR in dB over images that changed; None if none did.
        changed: The number of images that changed.
        pixels_max: The largest number of changed pixels in an image; None unless the norm is ``l0``.
    """

    max_levels: int
    l2_mean: float
    l2_max: float
    psnr_mean: float | None
    changed: int
    pixels_max: int | None


def audit(delta: NDArray[Any], norm: NormName = "none") -> Measured:
    """Measure a perturbation.

    Args:
        delta: (N, 3, H, W) integers: protected minus clean, in grey levels.
        norm: The norm of the method's budget.
    """
    squares = squared_lengths(delta)
    return {
        "max_levels": max(int(delta.max()), -int(delta.min())),
        "l2_mean": float(np.sqrt(squares).mean()),
        "l2_max": float(np.sqrt(squares).max()),
        "psnr_mean": psnr(squares, math.prod(delta.shape[1:])),
        "changed": int((squares > 0).sum()),
        "pixels_max": int(NORMS["l0"].size(torch.from_numpy(delta).float()).max()) if norm == "l0" else None,
    }
