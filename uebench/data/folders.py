"""Folders of photographs: which files count, whom they show, and in which order they come.

A folder of identities holds one folder per identity, and each of these holds photographs. Names that begin with a dot
are ignored. Folders whose names begin with an underscore, such as ``__MACOSX``, do not count as identities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from uebench.data.images import SUFFIXES
from uebench.errors import DataError, reading
from uebench.plugins.options import at_home

OTHER_IMAGES = frozenset({".avif", ".bpg", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl"})
"""Suffixes of photographs that are not read."""
SPLITS = ("train", "train_clean")
"""Names of the training folder in a set that has a test folder beside it."""


def natural_names(names: Iterable[str]) -> list[str]:
    """Sort names, comparing numbers by value: 2 before 10, and 02 before 2."""
    return sorted(
        sorted(names), key=lambda name: [(int(p), "") if p.isdecimal() else (0, p) for p in re.split(r"(\d+)", name)]
    )


def natural(files: Iterable[Path]) -> list[Path]:
    """Sort files by name in natural order; see ``natural_names``."""
    by_name = {file.name: file for file in files}
    return [by_name[name] for name in natural_names(by_name)]


def expanded(path: Path) -> Path:
    """Return a path with ``~`` or ``~user`` replaced by the home folder.

    Raises:
        DataError: If there is no such user, or no file can have such a name.
    """
    try:
        return at_home(path)
    except ValueError as error:
        raise DataError(f"{str(path)!r}: {error}") from None


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; False if the system cannot tell, as for a name that is too long."""
    try:
        return path.is_dir()
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a folder, in natural order.

    Attributes:
        photographs: The image files, recognised by their suffix.
        folders: The folders, by name.
        others: Everything else that is not hidden; it is left out.
    """

    photographs: list[Path]
    folders: dict[str, Path]
    others: list[Path]

    @property
    def unread(self) -> str:
        """Return a remedy for photographs of other kinds, such as HEIC; empty if there are none."""
        return _unread(self.others)


def unread_below(root: Path) -> str:
    """Return a remedy for photographs of other kinds anywhere in a data set; empty if there are none."""
    files = (path for pattern in ("*", "*/*", "*/*/*") for path in root.glob(pattern))
    return _unread(file for file in files if not any(part[0] in "._" for part in file.relative_to(root).parts))


def _unread(files: Iterable[Path]) -> str:
    suffixes = [file.suffix.lower() for file in files if file.suffix.lower() in OTHER_IMAGES]
    if not suffixes:
        return ""
    counted = "1 file of another kind" if len(suffixes) == 1 else f"{len(suffixes)} files of other kinds"
    return f"{counted} ({', '.join(sorted(set(suffixes)))}); convert them to PNG or JPEG"


def contents(folder: Path) -> Contents:
    """List a folder.

    Raises:
        DataError: If it cannot be read.
    """
    photographs: list[Path] = []
    folders: list[Path] = []
    others: list[Path] = []
    with reading(folder):
        for entry in folder.iterdir():
            if entry.name[0] == ".":
                continue
            if entry.name[0] != "_" and entry.is_dir():
                folders.append(entry)
            elif entry.suffix.lower() in SUFFIXES:
                photographs.append(entry)
            else:
                others.append(entry)
    return Contents(natural(photographs), {entry.name: entry for entry in natural(folders)}, natural(others))


def identity_folders(root: Path) -> dict[str, Contents]:
    """Return the contents of each identity's folder, in natural order, without checking them.

    Raises:
        DataError: If a folder cannot be read.
    """
    return {name: contents(folder) for name, folder in contents(root).folders.items()}


def identities(root: Path, *, allow_empty: bool = False) -> dict[str, list[Path]]:
    """Return the photographs of each identity by the name of its folder, both in natural order.

    Args:
        root: A folder with one folder per identity.
        allow_empty: Whether to accept an identity without photographs.

    Raises:
        DataError: If an identity has no photographs, or if its folder has folders in it, whose photographs would be
            left out; the message says which folder to use instead.
    """
    people = identity_folders(root)
    nested = [name for name, inside in people.items() if inside.folders and not inside.photographs]
    if nested:
        folder = root / next((name for name in nested if name.lower() in SPLITS), nested[0])
        raise DataError(
            f"{folder}: holds folders, not photographs; if they are the folders of the identities, "
            f"pass {folder} instead of {root}"
        )
    for name, inside in people.items():
        if inside.folders:
            deeper = next(iter(inside.folders.values()))
            raise DataError(
                f"{deeper}: lies in the folder of one identity; move its photographs to {root / name}, or move the "
                "folder elsewhere and pass it on its own"
            )
        if not inside.photographs and not allow_empty:
            if inside.unread:
                raise DataError(f"{root / name}: contains no supported image: {inside.unread}")
            raise DataError(f"{root / name}: no image in it; add photographs or move the folder elsewhere")
    return {name: inside.photographs for name, inside in people.items()}
