"""Files of kept models: safetensors with the key of the cell and a digest of the weights in the header."""

from __future__ import annotations

import hashlib
from pathlib import Path

from uebench.regular_files import header, open_safetensors, read_regular
from uebench.store.seal import DamagedError, unreadable


def digest(content: bytes) -> str:
    """Return the sha256 of the tensors in a safetensors file, without its header.

    Args:
        content: The content of the file, which begins with the length of its header in 8 bytes.
    """
    return hashlib.sha256(memoryview(content)[8 + int.from_bytes(content[:8], "little") :]).hexdigest()


def load(path: Path) -> str | None:
    """Check a kept model; return the key of the cell whose attacker trained it, or None if there is no such file.

    Args:
        path: The file; its name is the key.

    Raises:
        DamagedError: If it is unreadable, does not match its digest (which early versions lack), or has another key.
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
    if (path.parent.name, path.stem) != (path.stem[:2], key):
        raise DamagedError(path, "damaged model (it belongs to another key)")
    return key
