"""Protected sets as files: the perturbation as safetensors, and in its header what is known of it, with a digest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.hashing import array_digest, digest
from uebench.regular import open_regular
from uebench.store.record import ProtectedMeta
from uebench.store.seal import DamagedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Protected:
    """A protected set as stored.

    Attributes:
        delta: (N, 3, H, W) int8: protected minus clean, in grey levels; int16 where a change exceeds 127.
        meta: What the records say of it.
    """

    delta: NDArray[np.int8] | NDArray[np.int16]
    meta: ProtectedMeta

    @property
    def digest(self) -> str:
        """Return the sha256 of the perturbation and of what is stored beside it."""
        return array_digest(self.delta, digest(self.meta.stored()))


def content(protected: Protected) -> bytes:
    """Return a protected set as the content of its file."""
    from safetensors.numpy import save

    meta = {**protected.meta.stored(), "digest": protected.digest}
    return save({"delta": protected.delta.copy()}, metadata={"uebench": json.dumps(meta)})


def load(path: Path) -> Protected | None:
    """Read a protected set; None if there is none.

    Args:
        path: Where it lies; the name is its key.

    Raises:
        DamagedError: If it does not match its digest, is that of another key, or something other than a file.
    """
    found = _open(path, pixels=True)
    if found is None:
        return None
    meta, delta = found
    seal = meta.pop("digest", None)
    known = _meta(path, meta)
    if seal != array_digest(delta, digest(meta)):
        raise DamagedError(path, "damaged protected set (content and digest differ)")
    return Protected(delta, known)


def load_meta(path: Path) -> ProtectedMeta | None:
    """Read what is stored beside the pixels of a protected set, without checking the digest; None as in ``load``.

    Raises:
        DamagedError: As ``load``, but for the digest.
    """
    found = _open(path, pixels=False)
    if found is None:
        return None
    meta, _ = found
    meta.pop("digest", None)
    return _meta(path, meta)


def _open(path: Path, *, pixels: bool) -> tuple[dict[str, Any], Any] | None:
    from safetensors import SafetensorError, safe_open

    try:
        open_regular(path).close()  # refuses a pipe, which safetensors would wait for
        with safe_open(path, framework="np") as file:
            meta = json.loads(file.metadata()["uebench"])
            delta = file.get_tensor("delta") if pixels else None
        if isinstance(meta, dict):
            return meta, delta
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError):
        pass
    raise DamagedError(path, "damaged protected set (unreadable)")


def _meta(path: Path, meta: dict[str, Any]) -> ProtectedMeta:
    try:
        known = ProtectedMeta.model_validate(meta)
    except ValueError:  # as pydantic's complaint is one
        raise DamagedError(path, "damaged protected set (content and digest differ)") from None
    if known.protect_key not in (None, path.stem) or path.parent.name != path.stem[:2]:
        raise DamagedError(path, "damaged protected set (it belongs to another key)")
    return known
