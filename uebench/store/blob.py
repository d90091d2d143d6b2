"""Files of protected sets: the perturbation as safetensors, with its metadata and a digest in the header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.hashing import array_digest, digest
from uebench.store.record import ProtectedMeta
from uebench.store.seal import DamagedError, unreadable
from uebench.tensor_files import header, open_safetensors, packed_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ProtectedSet:
    """A protected set as stored.

    Attributes:
        delta: (N, 3, H, W) int8, or int16 if a change exceeds 127: protected minus clean, in grey levels.
        meta: Its metadata, which the records repeat.
    """

    delta: NDArray[np.int8] | NDArray[np.int16]
    meta: ProtectedMeta

    @property
    def digest(self) -> str:
        """Return the sha256 of the perturbation and its metadata."""
        return array_digest(self.delta, digest(self.meta.stored()))


def content(protected: ProtectedSet) -> bytes:
    """Return the content of the file of a protected set."""
    return packed_arrays({"delta": protected.delta}, {**protected.meta.stored(), "digest": protected.digest})


def load(path: Path) -> ProtectedSet | None:
    """Read a protected set; return None if there is no such file.

    Args:
        path: The file.

    Raises:
        DamagedError: If it is unreadable or does not match its digest.
        StoreError: If the system cannot read it now.
    """
    opened = _open(path, pixels=True)
    if opened is None:
        return None
    meta, stored, delta = opened
    seal = stored.pop("digest", None)
    if seal != array_digest(delta, digest(stored)):
        raise DamagedError(path, "damaged protected set (content and digest differ)")
    return ProtectedSet(delta, meta)


def load_meta(path: Path) -> ProtectedMeta | None:
    """Read the metadata of a protected set without checking the digest; return None if there is no such file.

    Raises:
        DamagedError: If it is unreadable.
        StoreError: If the system cannot read it now.
    """
    opened = _open(path, pixels=False)
    return opened[0] if opened else None


def _open(path: Path, *, pixels: bool) -> tuple[ProtectedMeta, dict[str, Any], Any] | None:
    """Return the metadata, the same as it is stored with the digest, and the perturbation if asked for."""
    from safetensors import SafetensorError

    try:
        with open_safetensors(path) as file:
            stored = header(file)
            delta = file.get_tensor("delta") if pixels else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, "protected set", error) from None
    except (SafetensorError, ValueError, TypeError):  # NumPy lacks some types of tensors
        raise DamagedError(path, "damaged protected set (unreadable)") from None
    try:
        meta = ProtectedMeta.model_validate({name: value for name, value in stored.items() if name != "digest"})
    except ValueError:  # the base class of pydantic's ValidationError
        raise DamagedError(path, "damaged protected set (content and digest differ)") from None
    return meta, stored, delta
