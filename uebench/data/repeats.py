"""Search for near-duplicates: the same file, or the same picture mirrored or in other colours, crop or quality.

Perceptual hashes cannot tell aligned faces apart: two people are often closer to each other than a photograph and its
recoloured crop. Each photograph is therefore aligned with the few that look most like it, and their details are
compared; see ``uebench.data.likeness``. ``docs/repeats.md`` has the measurements behind the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from uebench.data.images import image_stamp, open_image
from uebench.data.likeness import SIDE, Grey, Picture, likeness
from uebench.errors import DataError
from uebench.hashing import file_digest
from uebench.plugins.base import Listing
from uebench.progress import Progress, no_progress

THRESHOLD = 0.9
"""The least likeness at which a photograph counts as a repeat."""

CANDIDATES = 3
"""The number of most similar photographs to align each photograph with, and again as many for its mirror image."""
COARSE, ALIGNED = 0.7, 0.95
"""The least correlation of a repeat at 16 pixels, and at 32 pixels after alignment."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A photograph that repeats another.

    Attributes:
        file: The photograph.
        of: The photograph that it repeats.
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
        """Return a description of their likeness."""
        if self.exact:
            return "the same bytes"
        return f"likeness {self.likeness:.2f}" + (", mirrored" if self.mirrored else "")


def repeats(files: Sequence[Path], among: Sequence[Path], progress: Progress = no_progress) -> tuple[Repeat, ...]:
    """Return the photographs that repeat one of some others, each with the most similar of these.

    Args:
        files: The photographs to check, such as those of a test split.
        among: The other photographs, such as those of the training split.
        progress: Called with (done, total, what).

    Raises:
        DataError: If a photograph cannot be read.
    """
    old = _Album(among)
    return tuple(_found(_Album(files), old, [len(among)] * len(files), progress, "compared with the training set"))


def repeats_within(files: Sequence[Path], progress: Progress = no_progress) -> tuple[Repeat, ...]:
    """Return the photographs that repeat an earlier one in ``files``; see ``repeats``."""
    album = _Album(files)
    return tuple(_found(album, album, range(len(files)), progress, "compared with each other"))


def without_repeats(listing: Listing) -> Listing:
    """Return a listing without the test photographs that repeat a training photograph.

    Raises:
        DataError: If an identity is left without test photographs, or a photograph cannot be read.
    """
    test, train = (tuple((file, image_stamp(file)) for file, _ in split) for split in (listing.test, listing.train))
    repeated = {repeat.file for repeat in _cached_repeats(test, train)}
    kept = tuple((file, label) for file, label in listing.test if file not in repeated)
    if lost := {label for _, label in listing.test} - {label for _, label in kept}:
        folder = next(file.parent for file, label in listing.test if label == min(lost))
        raise DataError(
            f"{folder}: every test photograph repeats a training photograph; add others, or use repeats=keep"
        )
    return Listing(listing.train, kept)


_Stamped = tuple[tuple[Path, tuple[int, ...]], ...]


@lru_cache(maxsize=16)  # without a cache of photographs, one process reads the same sets many times
def _cached_repeats(test: _Stamped, train: _Stamped) -> tuple[Repeat, ...]:
    return repeats([file for file, _ in test], [file for file, _ in train])


class _Album:
    """Photographs, with their digests and prepared pictures."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.digests = [file_digest(file) for file in files]
        self.pictures = [Picture.read(file) for file in files]
        self.large_enough = np.array([_side(file) >= SIDE // 2 for file in files], bool)
        coarse = [picture.coarse for picture in self.pictures]
        self.coarse: Grey = np.stack(coarse) if files else np.empty((0, 256), np.float32)


def _found(new: _Album, old: _Album, firsts: Sequence[int], progress: Progress, what: str) -> Iterator[Repeat]:
    """Yield the new photographs that repeat an old one; ``firsts`` says for each how many old ones count."""
    for row, first in enumerate(firsts):
        if repeat := _repeat(new, row, old, first):
            yield repeat
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
            value = likeness(picture, old.pictures[place], ALIGNED)
            if value >= max(THRESHOLD, best.likeness if best else 0.0):
                best = Repeat(file, old.files[place], value, mirrored=mirrored)
    return best


def _side(file: Path) -> int:
    with open_image(file) as image:
        return min(image.size)
