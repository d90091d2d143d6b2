"""The cache of decoded photographs, in the user's own cache folder.

The cache saves decoding an unchanged set again. It may be deleted at any time. Only its owner can read it, because the
photographs may be for research only. Every entry holds its digests; an entry that cannot be read or does not match them
counts as missing. A cache that cannot be written costs time but is never an error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from safetensors import SafetensorError

from uebench.data.folders import expanded
from uebench.errors import StoreError, in_words
from uebench.hashing import array_digest, digest
from uebench.plugins.base import Split
from uebench.store.atomic import TEMPORARY, replacing
from uebench.tensor_files import header, open_safetensors, write_arrays

VARIABLE = "UEBENCH_CACHE"
"""The environment variable that sets another folder; empty or ``none`` for no cache."""

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_DAMAGED = (OSError, SafetensorError, KeyError, ValueError, TypeError)
_OURS = re.compile(rf"[0-9a-f]{{64}}\.(safetensors|json)|{re.escape(TEMPORARY)}([0-9a-f]{{16}}|[0-9a-f]{{64}}-.*)")
"""The names of the files of the cache, also of earlier versions, and of those that were never finished."""


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


class Description(BaseModel):
    """What a plan needs to know of decoded photographs.

    Attributes:
        arrays: The digests of the training images and labels and of the test images and labels.
        train_counts: The number of training photographs of each identity.
        test_counts: The number of test photographs of each identity.
    """

    arrays: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]

    @classmethod
    def of(cls, train: Split, test: Split) -> Self:
        """Describe photographs."""
        counts = [tuple(np.bincount(split.labels).tolist()) for split in (train, test)]
        return cls(arrays=_digests(train, test), train_counts=counts[0], test_counts=counts[1])


def fetch(folder: Path, fingerprint: str) -> tuple[Description, Split, Split] | None:
    """Return the description, the training and the test split of a set, or None if the cache does not have them.

    Args:
        folder: The cache.
        fingerprint: 64 hexadecimal digits that change whenever the decoded arrays may change.
    """
    with suppress(*_DAMAGED), open_safetensors(_file(folder, fingerprint)) as opened:
        description = _described(header(opened))
        arrays = [opened.get_tensor(name) for name in _ARRAYS]
        train, test = Split(*arrays[:2]), Split(*arrays[2:])
        if _digests(train, test) == description.arrays:
            return description, train, test
    return None


def fetch_description(folder: Path, fingerprint: str) -> Description | None:
    """Return the description of a set without reading its pixels, or None; arguments are those of ``fetch``."""
    with suppress(*_DAMAGED), open_safetensors(_file(folder, fingerprint)) as opened:
        return _described(header(opened))
    return None


def keep(folder: Path, fingerprint: str, description: Description, train: Split, test: Split) -> None:
    """Write a set into the cache, readable by its owner only; arguments are those of ``fetch`` and its result."""
    arrays = dict(zip(_ARRAYS, _arrays(train, test), strict=True))
    text = description.model_dump_json()
    with suppress(OSError, SafetensorError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(_file(folder, fingerprint), mode=0o600) as temporary:
            write_arrays(temporary, arrays, {"description": text, "digest": digest(text)})


def _described(metadata: Mapping[str, str]) -> Description:
    if metadata["digest"] != digest(metadata["description"]):
        raise ValueError
    return Description.model_validate_json(metadata["description"])


def _arrays(train: Split, test: Split) -> tuple[NDArray[Any], ...]:
    return train.images, train.labels, test.images, test.labels


def _digests(train: Split, test: Split) -> tuple[str, ...]:
    return tuple(array_digest(array) for array in _arrays(train, test))


def _file(folder: Path, fingerprint: str) -> Path:
    return folder / f"{fingerprint}.safetensors"


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
