"""Checks whether each protected image shows the photograph at its position; a wrong order is a common mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.errors import counted

SIDE = 16
"""Height and width, in pixels, at which images are compared: little is left of a small perturbation there."""
BATCH = 512
GAIN = 0.5
"""An image shows another photograph only if 1 - correlation is at most this share of that with its own photograph."""
MARGIN = 0.002
"""Its correlation must also be higher by this much, because copies of one photograph are interchangeable."""
UNLIKE = 0.5
"""If the median correlation with their own photographs is lower, the images may show other photographs."""
MATCHED = 0.9
"""Reordered images must match more than this share of the photographs; random ones match fewer than two thirds."""

NEARER = 0.5
"""Images are arranged wrongly if another arrangement brings them nearer to the photographs by this factor."""
SAMPLE = 64
"""The most images from which a wrong arrangement of pixels is recognised."""
ARRANGEMENTS: Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "red and blue swapped": lambda images: images[:, ::-1],
    "rows and columns swapped": lambda images: images.swapaxes(2, 3),
    "left and right swapped": lambda images: images[..., ::-1],
    "top and bottom swapped": lambda images: images[..., ::-1, :],
    "their pixels turned by 90 degrees": lambda images: np.rot90(images, 1, (2, 3)),
    "their pixels turned by 180 degrees": lambda images: np.rot90(images, 2, (2, 3)),
    "their pixels turned by 270 degrees": lambda images: np.rot90(images, 3, (2, 3)),
}
"""Mistakes in writing or reading images, such as those of programs that store blue before red."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """The correlations of protected images with the clean photographs.

    Attributes:
        own: (N,) correlation of each image with the photograph at its position.
        best: (N,) the highest correlation with any photograph.
        match: (N,) int64, the position of that photograph; N and above for photographs of the test set.
    """

    own: NDArray[np.float32]
    best: NDArray[np.float32]
    match: NDArray[np.int64]

    @property
    def misplaced(self) -> NDArray[np.bool_]:
        """Return which images (N,) show a photograph other than the one at their position."""
        gained = (1 - self.best) < GAIN * (1 - self.own)
        return gained & (self.best - self.own > MARGIN)

    @property
    def of_test(self) -> NDArray[np.bool_]:
        """Return which images (N,) show a photograph of the test set."""
        return self.misplaced & (self.match >= len(self.own))

    @property
    def unrelated(self) -> bool:
        """Return whether the images do not show these photographs in any order."""
        is_reordered = len(np.unique(self.match)) > MATCHED * len(self.match)
        return float(np.median(self.own)) < UNLIKE and not is_reordered

    @property
    def order(self) -> NDArray[np.int64]:
        """Return the position (N,) of the photograph that each image shows."""
        positions = np.arange(len(self.own))
        is_permutation = (np.sort(self.match) == positions).all()
        return self.match if is_permutation else np.where(self.misplaced, self.match, positions)


def align(protected: NDArray[np.uint8], clean: NDArray[np.uint8], test: NDArray[np.uint8] | None = None) -> Alignment:
    """Find the clean photograph that each protected image is most like.

    Args:
        protected: (N, 3, S, S) uint8.
        clean: (N, 3, S, S) uint8, the training photographs.
        test: (M, 3, S, S) uint8, the test photographs, if these are to be searched too.
    """
    photographs = _small(clean) if test is None else np.concatenate([_small(clean), _small(test)])
    images, count = _small(protected), len(protected)
    own = (images * photographs[:count]).sum(1)
    best, match = np.empty_like(own), np.empty(count, np.int64)
    for first in range(0, count, BATCH):
        alike = images[first : first + BATCH] @ photographs.T
        rows = slice(first, first + len(alike))
        match[rows], best[rows] = alike.argmax(1), alike.max(1)
    return Alignment(own, best, match)


def arrangement(delta: NDArray[np.int16], clean: NDArray[np.uint8]) -> str:
    """Return what happened to the pixels of all images, such as ``red and blue swapped``; empty if nothing did.

    Grey photographs do not show whether red and blue were swapped.

    Args:
        delta: (N, 3, S, S), protected minus clean in grey levels.
        clean: (N, 3, S, S), the photographs that the images were made from.
    """
    rows = np.linspace(0, len(clean) - 1, min(SAMPLE, len(clean))).astype(int)
    change, wanted = delta[rows], clean[rows].astype(np.int16)
    gaps = {name: float(np.abs(put(wanted + change) - wanted).mean()) for name, put in ARRANGEMENTS.items()}
    nearest = min(gaps, key=gaps.__getitem__)
    return nearest if gaps[nearest] < NEARER * np.abs(change).mean() else ""


def order_in_words(order: NDArray[np.int64], labels: NDArray[np.int64], names: Sequence[str] = ()) -> str:
    """Describe the order of the images.

    Args:
        order: (N,) the position of the photograph that each image shows.
        labels: (N,) the identities of the photographs.
        names: Their names, if they have any.
    """
    count = len(order)
    positions = np.arange(count)
    if (order >= count).any():
        return "partly test photographs"
    if len(set(order.tolist())) < count:
        return "several of the same photograph"
    if (order == positions[::-1]).all():
        return "in reverse order"
    shift = int(order[0])
    if (order == np.roll(positions, -shift)).all():
        return f"shifted by {counted(shift, 'place')}"
    texts = list(names) or list(map(str, range(count)))
    if order.tolist() == sorted(range(count), key=texts.__getitem__):
        return "in text order (1, 10, 2), not in natural order (1, 2, 10)"
    if (labels[order] == labels).all():
        return "shuffled within each identity"
    blocks = np.flatnonzero(np.diff(labels[order])) + 1
    if all((np.diff(block) == 1).all() for block in np.split(order, blocks)):
        return "with the identities in a different order"
    return "shuffled"


def _small(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images at ``SIDE`` pixels as vectors (N, D) of mean 0 and length 1; those of plain images stay near 0."""
    size = images.shape[-1]
    shrink = _areas(size, min(SIDE, size))
    parts = [
        shrink @ images[first : first + BATCH].astype(np.float32) @ shrink.T for first in range(0, len(images), BATCH)
    ]
    vectors = np.concatenate(parts).reshape(len(images), -1)
    vectors -= vectors.mean(1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-3), np.float32)


def _areas(size: int, side: int) -> NDArray[np.float32]:
    """Return the weights (side, size) that average a line of ``size`` pixels over ``side`` equal parts."""
    ends, pixels = np.arange(side + 1) * (size / side), np.arange(size)
    inside = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    return np.asarray(inside.clip(0) * (side / size), np.float32)
