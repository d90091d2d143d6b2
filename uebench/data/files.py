"""Base class and helpers for sources whose images are files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uebench.data.images import read_image
from uebench.data.memory import check_room
from uebench.plugins.base import C, Listing, Source, Split


class Files(Source[C]):
    """A source whose images are files."""

    @abstractmethod
    def listing(self) -> Listing:
        """Return the files of both splits."""

    def read(self, size: int) -> tuple[Split, Split]:
        """Decode all listed files at ``size`` pixels."""
        listing = self.listing()
        return decode(listing.train, size), decode(listing.test, size)


def split_files(people: dict[str, list[Path]], train: float, seed: int) -> Listing:
    """Split each identity's files at random into training and test files.

    Args:
        people: Each identity's files.
        train: The training files per identity: a count if it is an int, a share if it is a float.
        seed: Seed of the split.
    """
    rng = np.random.default_rng(seed)
    chosen: list[tuple[Path, int]] = []
    others: list[tuple[Path, int]] = []
    for label, files in enumerate(people.values()):
        count = train if isinstance(train, int) else min(max(round(train * len(files)), 1), len(files) - 1)
        positions = set(rng.permutation(len(files))[:count].tolist())
        for position, file in enumerate(files):
            (chosen if position in positions else others).append((file, label))
    return Listing(tuple(chosen), tuple(others))


def decode(files: Sequence[tuple[Path, int]], size: int) -> Split:
    """Decode files at ``size`` pixels.

    Args:
        files: Each file with its label.
        size: Height and width in pixels.

    Raises:
        DataError: If a file cannot be decoded, or if the images do not fit into memory.
    """
    check_room(len(files), size)
    images = np.empty((len(files), 3, size, size), np.uint8)
    for row, (file, _) in enumerate(files):
        images[row] = read_image(file, size)
    return Split(images, np.array([label for _, label in files], np.int64))
