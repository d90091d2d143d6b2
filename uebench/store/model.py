"""Files of kept models: safetensors with the key of the cell and a digest of the weights in the header."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from uebench.regular_files import header, open_safetensors, read_regular
from uebench.store.seal import DamagedError, unreadable


@dataclass(frozen=True, slots=True)
class Model:
    """A kept model.

    Attributes:
        key: The key of the cell whose attacker trained it.
        content: The content of its file.
    """

    key: str
    content: bytes = field(repr=False)


def digest(content: bytes) -> str:
    """Return the sha256 of the tensors in a safetensors file, without its header.

    Args:
        content: The content of the file, which begins with the length of its header in 8 bytes.
    """
    return hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()


def load(path: Path) -> Model | None:
    """Read a kept model; return None if there is no such file.

    Args:
        path: The file.

    Raises:
        DamagedError: If it is unreadable, or does not match its digest, which early versions lack.
        StoreError: If the system cannot read it now.
    """
    from safetensors import SafetensorError

    try:
        content = read_regular(path, most=None)
        with open_safetensors(path) as file:
            meta = header(file)
        key, seal = str(meta["key"]), meta.get("digest")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, "model", error) from None
    except (SafetensorError, KeyError, ValueError):
        raise DamagedError(path, "damaged model (unreadable)") from None
    if seal not in (None, digest(content)):
        raise DamagedError(path, "damaged model (content and digest differ)")
    return Model(key, content)
