"""Detection of protected sets with simple networks, which recognise identities by many kinds of perturbation.

Yifan Zhu, Lijia Yu, Xiao-Shan Gao. Detection and Defense of Unlearnable Examples. AAAI 2024 (arXiv:2312.08898),
Algorithm 1: a linear and a two-layer network are trained on one part of the set and tested on the rest. The authors'
threshold of 70% is for CIFAR-10. The networks often recognise more of unprotected portraits, so uebench compares with
their accuracy on the clean photographs. Training accuracy would not help: with fewer images than pixels, a linear
network fits any labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.errors import DataError
from uebench.metrics.separability import LIMIT, ranks
from uebench.progress import Progress, no_progress

Images = NDArray[np.uint8]
"""(N, 3, S, S) uint8."""

Answers = Mapping[tuple[str, str], NDArray[np.bool_]]
"""For each (network, view), whether it recognised each image: (photographs, images per photograph)."""

Halves = list[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Positions of the training and the test images, for each of two folds."""

HIDDEN = 128
"""Units in the hidden layer of the two-layer network."""
SIGMA = 1.0
"""Standard deviation, in pixels, of the Gaussian blur that is subtracted from an image to get its residue."""


def recognised(
    images: Images, labels: NDArray[np.int64], of_each: int = 1, progress: Progress = no_progress
) -> Answers:
    """Train simple networks on each half of a set and test them on the other half.

    Each network is trained on two views: the images, and their residue, which is their high spatial frequencies.
    In these, photographs differ less from person to person than most perturbations do. All images of a photograph are
    in the same half, because a network trained on some of them would recognise the others without any perturbation.
    Nothing is random: the same set gives the same answers.

    Args:
        images: The set. Of more than 2,000 images only some are used: evenly spaced photographs of each identity, and
            the first images of each. Two photographs of each identity are always used, however many these are.
        labels: (N,) identities.
        of_each: The number of images made from each photograph; they are adjacent.
        progress: Called with (done, total, what).

    Raises:
        DataError: If an identity has a single photograph.
    """
    photographs = np.arange(len(labels)).reshape(-1, of_each)
    rows = photographs[_looked_at(labels[photographs[:, 0]]), : max(1, LIMIT // len(photographs))]
    images, labels, people = images[rows.ravel()], labels[rows.ravel()], labels[rows[:, 0]]
    if (alone := np.bincount(people) == 1).any():
        name = int(alone.argmax())
        raise DataError(f"identity {name} has 1 photograph to look at; detection needs 2 or more of each")
    halves = _halves(people, rows.shape[1])
    answers, total = {}, len(_VIEWS) * len(_NETWORKS)
    for view, transform in _VIEWS.items():
        features = _coordinates(transform(images.astype(np.float32)))
        for network, make in _NETWORKS.items():
            answers[network, view] = (_held_out(make(), features, labels, halves) == labels).reshape(rows.shape)
            progress(len(answers), total, f"asking a {network} network about each {view}")
    return answers


def _looked_at(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of evenly spaced photographs of each identity, given the identity of each photograph."""
    stride = -(-len(people) // LIMIT)
    at_least_two = (np.bincount(people)[people] - 1).clip(1)
    return np.flatnonzero(ranks(people) % np.minimum(stride, at_least_two) == 0)


def _residue(images: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    rest: NDArray[np.float32] = images - gaussian_filter(images, (0, 0, SIGMA, SIGMA))
    return rest


def _coordinates(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the images' coordinates in the space that all N of them span: at most N values each, the same distances.

    The coordinates are centred, and scaled to a mean squared length of one. With a penalty on their length, weights
    have no component outside this space. So nothing is lost, and training is much faster.
    """
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(0)
    squares, axes = np.linalg.eigh((flat @ flat.T).astype(np.float64))
    squares = squares.clip(0)
    kept = squares >= squares[-1] * 1e-9
    coordinates: NDArray[np.float64] = axes[:, kept] * np.sqrt(squares[kept])
    return coordinates / max(float(np.sqrt(np.square(coordinates).sum(1).mean())), 1e-12)


def _halves(people: NDArray[np.int64], of_each: int) -> Halves:
    """Return the training and the test images of two folds of photographs, given the identity of each photograph."""
    from sklearn.model_selection import StratifiedKFold

    images = np.arange(len(people) * of_each).reshape(-1, of_each)
    folds = StratifiedKFold(2, shuffle=True, random_state=0).split(people, people)
    return [(images[train].ravel(), images[test].ravel()) for train, test in folds]


def _held_out(
    network: Any,  # noqa: ANN401
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    halves: Halves,
) -> NDArray[np.int64]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import cross_val_predict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a simple network need not be trained to the end
        answers: NDArray[np.int64] = cross_val_predict(network, features, labels, cv=halves)
    return answers


def _linear() -> Any:  # noqa: ANN401
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=100.0, max_iter=1000)


def _two_layers() -> Any:  # noqa: ANN401
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((HIDDEN,), solver="lbfgs", alpha=1e-3, max_iter=200, random_state=0)


_VIEWS: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "image": lambda images: images,
    "residue": _residue,
}
_NETWORKS: Mapping[str, Callable[[], Any]] = {"linear": _linear, "two-layer": _two_layers}
