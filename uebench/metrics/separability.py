"""Linear separability: how well a linear classifier recognises identities by the perturbation alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.store.record_parts import Counts

LIMIT = 2000
"""The largest number of rows used; of a larger set, evenly spaced rows are used."""


def ranks(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many rows of the same label come before each row."""
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    return rank


def separability(delta: NDArray[Any], labels: NDArray[np.int64]) -> Counts | None:
    """Fit a linear classifier on half of the perturbations and test it on the other half.

    Yu et al. (KDD 2022, section 3) explain the effect of unlearnable examples by the linear separability of their
    perturbations. The classifier is a ridge regression on one-hot labels, regularised by the mean squared length. The
    perturbations of each identity go to the two halves alternately.

    Args:
        delta: (N, 3, H, W) integers, protected minus clean.
        labels: (N,) identities.

    Returns:
        The number of correct predictions. None if no identity has two perturbations, or if all perturbations of the
        first half are the same (such as zero).
    """
    step = -(-len(labels) // LIMIT)
    labels = labels[::step]
    second = ranks(labels) % 2 == 1
    first = ~second
    if not second.any():
        return None
    noise = delta[::step].reshape(len(labels), -1).astype(np.float32)
    noise -= noise[first].mean(0)
    ridge = float(np.square(noise[first]).sum(1).mean())
    if ridge == 0:
        return None
    targets = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels[first]]
    gram = noise[first] @ noise[first].T
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), targets - targets.mean(0))
    scores = noise[second] @ (noise[first].T @ weights) + targets.mean(0)
    return Counts(correct=int((scores.argmax(1) == labels[second]).sum()), n=int(second.sum()))
