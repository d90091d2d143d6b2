"""Shelves: the folders of a results folder, each with files of one form whose names are their keys."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from uebench.errors import in_words
from uebench.store.atomic import put
from uebench.store.seal import DamagedError, unless_damaged

T = TypeVar("T")
V = TypeVar("V")
_SHARD = re.compile("[0-9a-f]{2}")


@dataclass(frozen=True, kw_only=True)
class View(Generic[T]):
    """One way to read the files of a shelf. The file of a key is ``<first two digits>/<key><suffix>``.

    Attributes:
        folder: The folder of the shelf.
        suffix: How the names of the files end.
        what: The kind of file, for messages.
        reader: Reads a file; returns None if there is none, and raises ``DamagedError`` if it is damaged.
        key_of: Returns the key of what was read; None if it does not say it.
    """

    folder: Path
    suffix: str
    what: str
    reader: Callable[[Path], T | None]
    key_of: Callable[[T], str | None]

    def through(self, reader: Callable[[Path], V | None], key_of: Callable[[V], str | None]) -> View[V]:
        """Return another view of the same files; for the arguments, see the attributes."""
        return View(folder=self.folder, suffix=self.suffix, what=self.what, reader=reader, key_of=key_of)

    def path(self, key: str) -> Path:
        """Return the path of the file of a key, whether or not it exists."""
        return self.folder / key[:2] / f"{key}{self.suffix}"

    def files(self, prefix: str = "") -> list[Path]:
        """Return the paths of all files whose keys begin with ``prefix``, in order."""
        return sorted(self.folder.glob(f"{prefix[:2]}*/{prefix or '[!.]'}*{self.suffix}"))

    def keys(self) -> set[str]:
        """Return the keys of all files; faster than ``files`` if there are many."""
        keys = set[str]()
        for folder in self.folder.glob("*/"):
            with suppress(OSError):
                keys.update(path.stem for path in folder.iterdir() if path.suffix == self.suffix)
        return keys

    def lost(self) -> list[DamagedError]:
        """Return an error for each folder that cannot be read, such as a broken link or a link to itself."""
        lost = []
        try:
            shards = sorted(path for path in self.folder.iterdir() if _SHARD.fullmatch(path.name))
        except FileNotFoundError:
            shards = [self.folder] if self.folder.is_symlink() else []
        except OSError:
            shards = [self.folder]
        for shard in shards:
            try:
                os.scandir(shard).close()
            except OSError as error:
                lost.append(DamagedError(shard, f"not a folder that can be read ({in_words(error)})"))
        return lost

    def read(self, key: str) -> T | None:
        """Return what is stored under a key, or None if there is nothing.

        Raises:
            DamagedError: If it is damaged, has another key, or lies in the folder of other keys.
            StoreError: If it cannot be read, or a newer version of uebench wrote it.
        """
        return self.read_file(self.path(key))

    def read_or_none(self, key: str) -> T | None:
        """Return what is stored under a key, or None if there is nothing or it is damaged."""
        return unless_damaged(self.read, key)

    def read_file(self, path: Path) -> T | None:
        """Return the content of one of ``files``, or None if it is gone; see ``read`` for the errors."""
        value = self.reader(path)
        if value is None:
            if path.is_symlink():
                raise DamagedError(path, f"damaged {self.what} (it is a link to a file that is not there)")
            return None
        key = self.key_of(value)
        if key not in (None, path.stem):
            raise DamagedError(path, f"damaged {self.what} (it belongs to the key {key:.12})")
        if path.parent.name != path.stem[:2]:
            raise DamagedError(path, f"damaged {self.what} (it lies in the wrong folder)")
        return value

    def readable(self) -> tuple[list[T], list[Path]]:
        """Return the content of all undamaged files, and the paths of the damaged ones."""
        stored = list(self)
        return [one for _, one in stored if one is not None], [path for path, one in stored if one is None]

    def __iter__(self) -> Iterator[tuple[Path, T | None]]:
        """Yield each file with its content; None stands for a damaged one, or for a folder that cannot be read."""
        yield from ((lost.path, None) for lost in self.lost())
        for path in self.files():
            yield path, unless_damaged(self.read_file, path)


@dataclass(frozen=True, kw_only=True)
class Shelf(View[T]):
    """A folder of a results folder, with files of one form.

    Attributes:
        content: Returns the content of the file for what is to be stored.
    """

    content: Callable[[T], bytes]

    def write(self, value: T) -> None:
        """Publish something under the key that it says.

        Raises:
            StoreError: If the file cannot be written.
        """
        key = self.key_of(value)
        assert key is not None
        put(self.path(key), self.content(value))
