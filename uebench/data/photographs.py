"""The photographs of a folder to protect: finding, checking and decoding them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uebench.data.folders import contents, identities, is_folder
from uebench.data.images import image_stamp, read_image
from uebench.data.protected_manifest import MANIFEST
from uebench.errors import DataError
from uebench.hashing import file_digest


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph to protect: its file, its identity's number, and the path of its copy in the target folder."""

    file: Path
    label: int
    copy: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive photographs.

    Attributes:
        photographs: The photographs.
        first: The row of the first one among all photographs.
        digests: The digests of their files.
        images: (B, 3, S, S) uint8, their pixels.
    """

    photographs: Sequence[Photograph]
    first: int
    digests: Sequence[str]
    images: NDArray[np.uint8]


def photographs_in(source: Path) -> dict[str, list[Photograph]]:
    """Return the photographs of each identity by name, in natural order.

    Args:
        source: One folder per identity, or the photographs of one person.

    Raises:
        DataError: If there are none, or if it is unclear whom they show.
    """
    if not is_folder(source):
        raise DataError(f"{source}: no such folder")
    inside = contents(source)
    if inside.folders and inside.photographs:
        raise DataError(f"{inside.photographs[0]}: lies beside the folders of identities; move it into one of them")
    people = identities(source) if inside.folders else {source.resolve().name: inside.photographs}
    if not any(people.values()):
        if inside.unread:
            raise DataError(f"{source}: contains no supported image: {inside.unread}")
        raise DataError(f"{source}: no image in it; pass a folder of photographs, or one with a folder per identity")
    photographs = {}
    for label, (name, files) in enumerate(people.items()):
        copies = [Path(name if inside.folders else "", f"{file.stem}.png") for file in files]
        if twice := next((copy for copy, times in Counter(copies).items() if times > 1), None):
            raise DataError(f"{source / twice.parent}: two photographs are named {twice.stem!r}; rename one")
        photographs[name] = [Photograph(file, label, copy) for file, copy in zip(files, copies, strict=True)]
    return photographs


def check_can_be_copied(source: Path, people: Mapping[str, Sequence[Photograph]]) -> None:
    """Refuse links, which may lead outside the folder, and an identity with the name of the manifest.

    Args:
        source: See ``photographs_in``.
        people: The photographs.

    Raises:
        DataError: If one is a link or lies in one, or if an identity has the name of the manifest.
    """
    for photograph in chain.from_iterable(people.values()):
        for path in (photograph.file.parent, photograph.file):
            if path != source and path.is_symlink():
                raise DataError(
                    f"{path}: is a link, and protect does not follow links; replace it with the file or folder it "
                    "points to"
                )
        if photograph.copy.parts[0] == MANIFEST:
            raise DataError(
                f"{source / MANIFEST}: has the name of the file that describes the copies; rename the folder"
            )


def left_out(source: Path) -> list[Path]:
    """Return what is not protected: files without the suffix of an image, and folders whose names begin with ``_``.

    Hidden files and folders, whose names begin with a dot, are not listed.

    Args:
        source: See ``photographs_in``.
    """
    inside = contents(source)
    return inside.others + [path for folder in inside.folders.values() for path in contents(folder).others]


def stamps(photographs: Sequence[Photograph]) -> list[list[str | int]]:
    """Return the path of the copy of each photograph, and numbers that change when the photograph does.

    Raises:
        DataError: If a photograph cannot be read.
    """
    return [[str(photograph.copy), *image_stamp(photograph.file)] for photograph in photographs]


def decode(photographs: Sequence[Photograph], first: int, size: int) -> Chunk:
    """Read some photographs.

    Args:
        photographs: Consecutive photographs.
        first: The row of the first one among all photographs.
        size: Height and width in pixels.

    Raises:
        DataError: If a file cannot be read; the message names it.
    """
    images = [read_image(photograph.file, size) for photograph in photographs]
    return Chunk(photographs, first, [file_digest(photograph.file) for photograph in photographs], np.stack(images))
