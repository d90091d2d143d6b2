"""The cache of decoded photographs, in the user's own cache folder.

The cache saves decoding an unchanged set again. It may be deleted at any time. Only its owner can read it, because the
photographs may be for research only. Every entry holds its digests; an entry that cannot be read or does not match them
counts as missing. A cache that cannot be written costs time but is never an error.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.folders import expanded
from uebench.errors import StoreError, in_words
from uebench.hashing import array_digest, digest
from uebench.plugins.base import Split
from uebench.regular_files import open_safetensors, read_regular

VARIABLE = "UEBENCH_CACHE"
"""The environment variable that sets another folder; empty or ``none`` for no cache."""

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_OURS = re.compile(r"[0-9a-f]{64}\.(safetensors|json)|\.new-[0-9a-f]{64}-.*")


def default_cache() -> Path | None:
    """Return the folder in ``UEBENCH_CACHE``, by default ``uebench`` in the user's cache folder; None for no cache.

    The user's cache folder is ``XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and
    ``LOCALAPPDATA`` on Windows.

    Raises:
        DataError: If ``UEBENCH_CACHE`` begins with the home folder of an unknown user.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return expanded(Path(chosen)) if chosen.strip().lower() not in ("", "none") else None
    try:
        return _user_cache() / "uebench"
    except RuntimeError:  # this user has no home folder
        return None


def _user_cache() -> Path:
    platform: str = sys.platform
    if platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable, default = ("LOCALAPPDATA", "AppData/Local") if platform == "win32" else ("XDG_CACHE_HOME", ".cache")
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / default


def fetch(folder: Path, fingerprint: str, decode: Callable[[], tuple[Split, Split]]) -> tuple[Split, Split]:
    """Return the training and the test split of a set, from the cache or freshly decoded.

    Args:
        folder: The cache.
        fingerprint: 64 hexadecimal digits that change whenever the decoded arrays may change.
        decode: Reads the photographs; its errors are passed on.
    """
    file = folder / f"{fingerprint}.safetensors"
    if (splits := _read(file)) is not None:
        return splits
    train, test = decode()
    _write(file, (train.images, train.labels, test.images, test.labels))
    return train, test


def _read(file: Path) -> tuple[Split, Split] | None:
    from safetensors import SafetensorError

    try:
        with open_safetensors(file) as opened:
            expected = json.loads((opened.metadata() or {})["digests"])
            arrays = [opened.get_tensor(name) for name in _ARRAYS]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError):
        return None
    if expected != [array_digest(array) for array in arrays]:
        return None
    return Split(arrays[0], arrays[1]), Split(arrays[2], arrays[3])


def _write(file: Path, arrays: tuple[NDArray[Any], ...]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    named = {name: np.ascontiguousarray(array) for name, array in zip(_ARRAYS, arrays, strict=True)}
    digests = json.dumps([array_digest(array) for array in arrays])
    with suppress(SafetensorError):
        _put(file, lambda path: save_file(named, path, {"digests": digests}))


def fetch_description(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the description that ``keep_description`` wrote, or None.

    Args:
        folder: The cache.
        fingerprint: See ``fetch``.
    """
    try:
        content = json.loads(read_regular(folder / f"{fingerprint}.json"))
        description: dict[str, Any] = content["description"]
        return description if content["digest"] == digest(description) else None
    except (OSError, KeyError, ValueError, TypeError, RecursionError):
        return None


def keep_description(folder: Path, fingerprint: str, description: Mapping[str, Any]) -> None:
    """Cache the description of a set, from which plans are made without reading pixels.

    Args:
        folder: The cache.
        fingerprint: See ``fetch``.
        description: JSON values.
    """
    content = json.dumps({"digest": digest(description), "description": description})
    _put(folder / f"{fingerprint}.json", lambda path: path.write_text(content, "utf-8"))


def _put(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically, readable by its owner only."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".new-{file.stem}-", delete=False) as opened:
            temporary = Path(opened.name)  # has mode 0600
        try:
            write(temporary)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def usage(folder: Path) -> tuple[int, int]:
    """Return the number of decoded sets in the cache, and the size of its files in bytes.

    Raises:
        StoreError: If the folder cannot be read.
    """
    with _naming_folder(folder, "read"):
        files = _files(folder)
        return sum(file.suffix == ".safetensors" for file in files), sum(file.stat().st_size for file in files)


def clear(folder: Path) -> None:
    """Delete the files of the cache, and its folder if it is then empty.

    Raises:
        StoreError: If a file cannot be deleted.
    """
    with _naming_folder(folder, "deleted"):
        for file in _files(folder):
            file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _files(folder: Path) -> list[Path]:
    """Return the files of the cache. The user chooses the folder, so it may contain others."""
    return [file for file in folder.iterdir() if _OURS.fullmatch(file.name)] if folder.exists() else []


@contextmanager
def _naming_folder(folder: Path, action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cache {folder}: cannot be {action} ({in_words(error)})") from None
