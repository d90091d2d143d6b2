"""The draw of identities and images. It depends only on seed and names, not on the file system or a library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from uebench.data.builders.model import Builder, SourceImage, SplitName
from uebench.data.folders import natural_names
from uebench.data.images import LARGEST_FILE, read_image
from uebench.errors import DataError
from uebench.hashing import file_digest
from uebench.regular_files import read_regular

PROBE = 8
"""Height and width, in pixels, at which an image is decoded to check that this is possible."""


def draw(raw: Path, people: Mapping[str, Sequence[str]], builder: Builder, seed: int) -> list[SourceImage]:
    """Draw identities that have enough images, and then their images; no two images of a set have the same bytes.

    Args:
        raw: The raw folder.
        people: The image files of each identity, relative to ``raw``.
        builder: The set to build.
        seed: Seed of the draw.

    Raises:
        DataError: If there are too few identities or images.
    """
    each, wanted = builder.train + builder.test, builder.skip + builder.identities
    drawn: dict[str, Sequence[str]] = {}
    seen: set[str] = set()
    for name in builder.named or shuffled(people, seed):
        if len(drawn) == wanted:
            break
        files = people.get(name, ())
        chosen = _different(raw, files, each, seed, seen) if len(files) >= each else ()
        if chosen:
            drawn[name] = chosen
        elif builder.named:
            raise DataError(
                f"{raw}: identity {name} has {len(files)} images, {builder.name} needs {each} that differ; "
                f"complete the collection ({builder.collection.page})"
            )
    if len(drawn) < wanted:
        raise DataError(
            f"{raw}: {len(drawn)} of {len(people)} identities have {each} different images, {builder.name} needs "
            f"{wanted}; complete the collection ({builder.collection.page})"
        )
    photos = []
    for identity, name in enumerate(natural_names(list(drawn)[builder.skip :])):
        train, test = drawn[name][: builder.train], drawn[name][builder.train :]
        splits: dict[SplitName, Sequence[str]] = {"train": train, "test": test}
        for split, sources in splits.items():
            for source in natural_names(sources):
                read = partial(_checked, raw / source)
                photos.append(SourceImage(split, identity, source, Path(source).suffix.lower(), read))
    return photos


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Order names by the digest of seed and name, so that the order of two names does not depend on the others."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode(errors="surrogateescape")).digest())


def _different(raw: Path, files: Sequence[str], count: int, seed: int, seen: set[str]) -> list[str]:
    """Draw ``count`` files whose digests are not in ``seen`` and add these to it; none if there are too few."""
    new: dict[str, str] = {}
    for source in shuffled(files, seed):
        digest = file_digest(raw / source)
        if digest not in seen:
            new.setdefault(digest, source)
        if len(new) == count:
            seen.update(new)
            return list(new.values())
    return []


def _checked(file: Path) -> bytes:
    read_image(file, PROBE)
    return read_regular(file, LARGEST_FILE)
