"""Files of kept models: safetensors with the key of the cell and a digest of the weights in the header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from uebench.regular_files import read_regular
from uebench.store.seal import DamagedError, unreadable
from uebench.tensor_files import body_digest, header, open_safetensors, packed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Model:
    """A kept model.

    Attributes:
        key: The key of the cell whose attacker trained it.
        content: The content of its file.
    """

    key: str
    content: bytes = field(repr=False)

    @classmethod
    def of(cls, key: str, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        """Return the model of a cell.

        Args:
            key: The key of the cell.
            tensors: The state of its network.
            meta: What else the header says, as JSON values.
        """
        seal = body_digest(packed(tensors, {}))
        return cls(key, packed(tensors, {**meta, "key": key, "digest": seal}, sort_keys=True))


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
    if seal not in (None, body_digest(content)):
        raise DamagedError(path, "damaged model (content and digest differ)")
    return Model(key, content)
