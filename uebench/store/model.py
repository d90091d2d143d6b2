"""Kept models as files: safetensors, in whose header stand the key of the cell and a digest of the weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from uebench.regular import read_regular
from uebench.store.seal import DamagedError


@dataclass(frozen=True, slots=True)
class Model:
    """What a results folder knows of a kept model.

    Attributes:
        key: The cell whose attacker trained it.
    """

    key: str


def digest(content: bytes) -> str:
    """Return the sha256 of the tensors in a safetensors file, whatever else its header says.

    Args:
        content: The file, which begins with the length of its header in 8 bytes.
    """
    return hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()


def load(path: Path) -> Model | None:
    """Check a kept model; None if there is none.

    Args:
        path: Where it lies; the name is its key.

    Raises:
        DamagedError: If it is unreadable, does not match its digest, which early ones lack, or is that of another key.
    """
    from safetensors import SafetensorError, safe_open

    try:
        content = read_regular(path)
        with safe_open(path, framework="np") as file:
            meta = json.loads(file.metadata()["uebench"])
        key, seal = meta["key"], meta.get("digest")
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, AttributeError, KeyError, ValueError, TypeError, RecursionError):
        raise DamagedError(path, "damaged model (unreadable)") from None
    if seal not in (None, digest(content)):
        raise DamagedError(path, "damaged model (content and digest differ)")
    if (path.parent.name, path.stem) != (path.stem[:2], key):
        raise DamagedError(path, "damaged model (it belongs to another key)")
    return Model(key)
