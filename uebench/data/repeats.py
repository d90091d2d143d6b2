"""Photographs that repeat another: the same file, or the same picture in other colours, crop or quality, or mirrored.

Hashes of whole pictures cannot tell aligned faces apart: two people are often closer to each other than a photograph
and its recoloured crop. So each photograph is laid over the few that look most like it, and then their detail is
compared; see ``uebench.data.likeness``. ``docs/repeats.md`` shows what that measures, and why the threshold is what it
is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from uebench.data.images import image_digest, open_image
from uebench.data.likeness import SIDE, Grey, Picture, likeness
from uebench.errors import DataError, in_words
from uebench.plugins.base import Listing
from uebench.progress import Progress

THRESHOLD = 0.9
"""From this likeness on, a photograph counts as a repeat."""

CANDIDATES = 3
"""How many photographs one is laid over as it is, and how many mirrored: those that look most like it."""
COARSE, LAID = 0.7, 0.95
"""Correlations without which a candidate is no repeat: at 16 pixels, and at 32 pixels once it is laid over."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A photograph that repeats another.

    Attributes:
        file: The photograph.
        of: The other.
        likeness: The correlation of their fine detail, at most 1; 1 if the bytes are the same.
        exact: Whether the bytes are the same.
        mirrored: Whether one is the other's mirror image.
    """

    file: Path
    of: Path
    likeness: float
    exact: bool = False
    mirrored: bool = False

    @property
    def how(self) -> str:
        """Return how alike they are, in words."""
        return "the same bytes" if self.exact else f"likeness {self.likeness:.2f}" + ", mirrored" * self.mirrored


def repeats(files: Sequence[Path], among: Sequence[Path], progress: Progress | None = None) -> tuple[Repeat, ...]:
    """Return which photographs repeat one of others, each with the one that it is most like.

    Args:
        files: Photographs, such as those of a test split.
        among: Others, such as those of the training split.
        progress: Called with (done, total, what).

    Raises:
        DataError: If a photograph cannot be read.
    """
    old = _Album(among)
    return tuple(_found(_Album(files), old, [len(among)] * len(files), progress, "compared with the training set"))


def repeats_within(files: Sequence[Path], progress: Progress | None = None) -> tuple[Repeat, ...]:
    """Return which photographs repeat an earlier one of the same series; arguments and errors as above."""
    album = _Album(files)
    return tuple(_found(album, album, range(len(files)), progress, "compared with each other"))


def without_repeats(listing: Listing) -> Listing:
    """Return a listing without the test photographs that repeat a training photograph.

    Raises:
        DataError: If an identity is left without test photographs, or a photograph cannot be read.
    """
    test, train = (tuple((file, _stamp(file)) for file, _ in split) for split in (listing.test, listing.train))
    repeated = {one.file for one in _known(test, train)}
    kept = tuple((file, label) for file, label in listing.test if file not in repeated)
    if lost := {label for _, label in listing.test} - {label for _, label in kept}:
        folder = next(file.parent for file, label in listing.test if label == min(lost))
        raise DataError(
            f"{folder}: every test photograph repeats a training photograph; add others, or use repeats=keep"
        )
    return Listing(listing.train, kept)


_Stamped = tuple[tuple[Path, tuple[int, int]], ...]


@lru_cache(maxsize=16)  # of unchanged files; without the cache of photographs, sets are read again and again
def _known(test: _Stamped, train: _Stamped) -> tuple[Repeat, ...]:
    return repeats([file for file, _ in test], [file for file, _ in train])


def _stamp(file: Path) -> tuple[int, int]:
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    return stat.st_size, stat.st_mtime_ns


class _Album:
    """Photographs and what is compared of them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.digests = [image_digest(file) for file in files]
        self.pictures = [Picture.read(file) for file in files]
        self.large_enough = np.array([_side(file) >= SIDE // 2 for file in files], bool)
        self.coarse: Grey = np.stack([one.coarse for one in self.pictures]) if files else np.empty((0, 256), np.float32)


def _found(new: _Album, old: _Album, firsts: Sequence[int], progress: Progress | None, what: str) -> Iterator[Repeat]:
    """Yield the repeat of each new photograph among so many first ones of the old, where there is one."""
    for row, first in enumerate(firsts):
        if found := _repeat(new, row, old, first):
            yield found
        if progress:
            progress(row + 1, len(firsts), what)


def _repeat(new: _Album, row: int, old: _Album, first: int) -> Repeat | None:
    file, digest = new.files[row], new.digests[row]
    if digest in old.digests[:first]:
        return Repeat(file, old.files[old.digests.index(digest)], 1.0, exact=True)
    if not new.large_enough[row]:
        return None
    best: Repeat | None = None
    for mirrored in (False, True):
        picture = new.pictures[row].mirrored if mirrored else new.pictures[row]
        alike = np.where(old.large_enough[:first], old.coarse[:first] @ picture.coarse, -1.0)
        for place in np.argsort(-alike, kind="stable")[:CANDIDATES]:
            if alike[place] < COARSE:
                break
            value = likeness(picture, old.pictures[place], LAID)
            if value >= max(THRESHOLD, best.likeness if best else 0.0):
                best = Repeat(file, old.files[place], value, mirrored=mirrored)
    return best


def _side(file: Path) -> int:
    with open_image(file) as image:
        return min(image.size)
