"""Canonical JSON, digests and keys: what makes two computations the same."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from uebench.errors import DataError, in_words

KEY_FORMAT = 1


def canonical(content: object) -> str:
    """Return the one JSON text of ``content``: sorted keys, no spaces, shortest floats, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(content: object) -> str:
    """Return the sha256 of the canonical JSON of ``content``, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def key(**parts: object) -> str:
    """Return a content address: the digest of the named parts and of the key format."""
    return digest({"key_format": KEY_FORMAT, **parts})


@cache
def file_digest(file: Path) -> str:
    """Return the sha256 of a file, as keys and records hold it.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{file}: weights cannot be read ({in_words(error)})") from None
