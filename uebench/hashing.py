"""Canonical JSON, digests and keys."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import reading
from uebench.regular_files import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_FORMAT = 1
_KEY = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")


def canonical(content: object) -> str:
    """Return the canonical JSON of ``content``: sorted keys, no spaces, shortest floats, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(content: object) -> str:
    """Return the sha256 of the canonical JSON of ``content``, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def key(**parts: object) -> str:
    """Return a content address: the digest of the named parts and the version of the key format."""
    return digest({"key_format": KEY_FORMAT, **parts})


def abbreviated(text: str) -> str:
    """Return a text in which each key of 64 digits is cut to its first 12: ``d700c37f245b….safetensors``."""
    return _KEY.sub(r"\1…", text)


def array_digest(array: NDArray[Any], more: str = "") -> str:
    """Return the sha256 of an array's type, shape and values, and of ``more``; a contiguous array is not copied."""
    import numpy as np

    hasher = hashlib.sha256(f"{array.dtype.str}{array.shape}{more}".encode())
    hasher.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return hasher.hexdigest()


def file_digest(file: Path, remedy: str = "") -> str:
    """Return the sha256 of a regular file, which is read every time.

    Args:
        file: The file.
        remedy: The end of the message of an error; empty for none.

    Raises:
        DataError: If it cannot be read, or is not a file.
    """
    with reading(file, remedy), open_regular(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def cached_file_digest(file: Path) -> str:
    """Return the sha256 of a regular file; this process reads the file again only if its ``file_state`` has changed.

    Raises:
        DataError: If it cannot be read, or is not a file.
    """
    with reading(file):
        state = file_state(file)
    return _file_digest(file, state)


def folder_digest(folder: Path) -> str:
    """Return a digest of the names and contents of all files in a folder, except hidden ones; links are followed.

    Raises:
        DataError: If one cannot be read.
    """
    with reading(folder):
        files = list(_files_in(folder))
    return digest({file.relative_to(folder).as_posix(): cached_file_digest(file) for file in files})


def _files_in(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files in a folder, at any depth; a link to one of the folders ``above`` leads to nothing new."""
    here = folder.resolve()
    if here in above:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files_in(path, (*above, here))
        elif path.is_file():
            yield path


def file_state(file: Path) -> tuple[int, ...]:
    """Return a value that changes when the file is written or replaced, as a cache key for its content.

    Raises:
        OSError: If there is no such file.
    """
    stat = file.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


@cache
def _file_digest(file: Path, _: tuple[int, ...]) -> str:
    return file_digest(file)
