"""How well a linear classifier tells identities by the perturbation alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 2000
"""Rows looked at, at most; an identity's share is its share of the set."""


def thinned(count: int) -> NDArray[np.int64]:
    """Return evenly spaced rows of so many, at most ``LIMIT``."""
    return np.arange(count)[:: -(-count // LIMIT)]


def separability(delta: NDArray[Any], labels: NDArray[np.int64]) -> dict[str, int] | None:
    """Fit a linear classifier on half of the perturbations and count what it gets right on the other half.

    That perturbations are linearly separable is the published explanation of why unlearnable examples work (Yu et al.,
    KDD 2022, section 3). Ridge regression on one-hot labels, regularised by the mean squared length; halves alternate
    within each identity.

    Args:
        delta: (N, 3, H, W) integers, protected minus clean.
        labels: (N,) identities.

    Returns:
        ``correct`` among ``n``; None if there is nothing to learn from: no identity has two perturbations, or all those
        to fit on are the same (such as zero).
    """
    rows = thinned(len(labels))
    labels = labels[rows]
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    first, second = rank % 2 == 0, rank % 2 == 1
    known = np.isin(labels[second], labels[first])
    if not known.any():
        return None
    noise = delta[rows].reshape(len(rows), -1).astype(np.float32)
    noise -= noise[first].mean(0)
    ridge = float(np.square(noise[first]).sum(1).mean())
    if ridge == 0:
        return None
    targets = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels[first]]
    gram = noise[first] @ noise[first].T
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), targets - targets.mean(0))
    scores = noise[second] @ (noise[first].T @ weights) + targets.mean(0)
    return {"correct": int((scores.argmax(1) == labels[second]).sum()), "n": int(second.sum())}
