"""The cache of decoded photographs, in the user's own cache folder.

It saves decoding an unchanged set again and may be deleted at any time. What it holds can be photographs that are for
research only, so nobody but its owner can read it. Every entry carries digests; one that does not match them, or
cannot be read, counts as missing. A cache that cannot be written costs time, and is never an error.
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
from uebench.regular import is_regular, read_regular

VARIABLE = "UEBENCH_CACHE"
"""The environment variable that names another folder; empty or ``none``: no cache."""

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_OURS = re.compile(r"[0-9a-f]{64}\.(safetensors|json)|\.new-[0-9a-f]{64}-.*")


def default_cache() -> Path | None:
    """Return the folder that ``UEBENCH_CACHE`` names, or ``uebench`` in the user's cache folder; None for no cache.

    The user's cache folder is ``XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS and
    ``LOCALAPPDATA`` on Windows.

    Raises:
        DataError: If ``UEBENCH_CACHE`` begins with the home folder of a user that there is not.
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


def fetch(folder: Path | None, fingerprint: str, decode: Callable[[], tuple[Split, Split]]) -> tuple[Split, Split]:
    """Return the train and the test split of a set, decoded now or at an earlier call.

    Args:
        folder: The cache; None decodes.
        fingerprint: 64 hexadecimal digits that change whenever the decoded arrays may.
        decode: Reads the photographs; what it raises is passed on.
    """
    if folder is None:
        return decode()
    file = folder / f"{fingerprint}.safetensors"
    if (known := _read(file)) is not None:
        return known
    train, test = decode()
    _write(file, (train.images, train.labels, test.images, test.labels))
    return train, test


def _read(file: Path) -> tuple[Split, Split] | None:
    from safetensors import SafetensorError, safe_open

    if not is_regular(file):  # which safetensors would wait for
        return None
    try:
        with safe_open(file, framework="np") as opened:
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


def fetch_description(folder: Path | None, fingerprint: str) -> dict[str, Any] | None:
    """Return what ``keep_description`` kept, or None.

    Args:
        folder: The cache, or None.
        fingerprint: As ``fetch`` takes it.
    """
    if folder is None:
        return None
    try:
        kept = json.loads(read_regular(folder / f"{fingerprint}.json"))
        description: dict[str, Any] = kept["description"]
        return description if kept["digest"] == digest(description) else None
    except (OSError, KeyError, ValueError, TypeError, RecursionError):
        return None


def keep_description(folder: Path | None, fingerprint: str, description: Mapping[str, Any]) -> None:
    """Keep what a plan needs to know of a set, so that it need not read the pixels.

    Args:
        folder: The cache; None keeps nothing.
        fingerprint: As ``fetch`` takes it.
        description: JSON values.
    """
    if folder is None:
        return
    content = json.dumps({"digest": digest(description), "description": description})
    _put(folder / f"{fingerprint}.json", lambda path: path.write_text(content, "utf-8"))


def _put(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".new-{file.stem}-", delete=False) as opened:
            temporary = Path(opened.name)  # made with mode 0600
        try:
            write(temporary)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def usage(folder: Path) -> tuple[int, int]:
    """Return how many decoded sets the cache holds, and the bytes that its files take.

    Raises:
        StoreError: If the folder cannot be read.
    """
    with _telling(folder, "read"):
        files = _files(folder)
        return sum(file.suffix == ".safetensors" for file in files), sum(file.stat().st_size for file in files)


def clear(folder: Path) -> None:
    """Delete the files of the cache, and its folder if nothing else lies in it.

    Raises:
        StoreError: If a file cannot be deleted.
    """
    with _telling(folder, "deleted"):
        for file in _files(folder):
            file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _files(folder: Path) -> list[Path]:
    """Return the files of the cache: the folder is the user's choice, so others may lie in it."""
    return [file for file in folder.iterdir() if _OURS.fullmatch(file.name)] if folder.exists() else []


@contextmanager
def _telling(folder: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cache {folder}: cannot be {done} ({in_words(error)})") from None
