"""Files of tensors: safetensors with JSON of uebench in the header, under the name ``uebench``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.regular_files import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from safetensors import safe_open
    from torch import Tensor

_NAME = "uebench"


def packed(tensors: Mapping[str, Tensor], meta: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    """Return the content of a file of tensors, which may be on any device, need gradients, or share memory.

    Args:
        tensors: The tensors by name.
        meta: JSON values for the header.
        sort_keys: Whether to sort the names in the header.
    """
    from safetensors.torch import save

    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return save(copies, {_NAME: json.dumps(dict(meta), sort_keys=sort_keys)})


def packed_arrays(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> bytes:
    """Return the content of a file of NumPy arrays, without torch; arguments are those of ``packed``."""
    from safetensors.numpy import save

    return save(_contiguous(arrays), {_NAME: json.dumps(dict(meta))})


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Write a file of NumPy arrays without a copy of them in memory; arguments are those of ``packed``.

    Raises:
        OSError: If it cannot be written.
        SafetensorError: The same, as the library says it.
    """
    from safetensors.numpy import save_file

    save_file(_contiguous(arrays), file, {_NAME: json.dumps(dict(meta))})


def _contiguous(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    import numpy as np

    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def open_safetensors(file: Path) -> safe_open:
    """Open a file of tensors, which become NumPy arrays. The library itself would wait for a named pipe.

    Raises:
        OSError: See ``open_regular``.
        SafetensorError: If it is not such a file.
    """
    from safetensors import safe_open

    open_regular(file).close()
    return safe_open(file, framework="np")


def header(opened: safe_open) -> dict[str, Any]:
    """Return what uebench wrote into the header of a file of tensors.

    Raises:
        ValueError: If uebench did not write the file.
    """
    return _ours(opened.metadata())  # type: ignore[no-untyped-call]


def header_of(content: bytes) -> dict[str, Any]:
    """Return what uebench wrote into the header of a file of tensors with this content.

    Raises:
        ValueError: If uebench did not write the file.
    """
    try:
        metadata = json.loads(content[8 : _body(content)])["__metadata__"]
    except (KeyError, TypeError, ValueError, RecursionError):
        metadata = None
    return _ours(metadata)


def body_digest(content: bytes) -> str:
    """Return the sha256 of the tensors in a file with this content, without its header."""
    return hashlib.sha256(memoryview(content)[_body(content) :]).hexdigest()


def _body(content: bytes) -> int:
    """Return where the tensors begin: behind the header, whose length is in the first 8 bytes."""
    return 8 + int.from_bytes(content[:8], "little")


def _ours(metadata: Any) -> dict[str, Any]:  # noqa: ANN401
    try:
        content = json.loads(metadata[_NAME])
    except (KeyError, TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ValueError("not a file that uebench wrote")
    return content
