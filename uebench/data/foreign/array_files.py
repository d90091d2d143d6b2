"""Arrays in files of NumPy, safetensors or torch, known by name and shape before they take memory; no pickles."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from uebench.errors import DataError, in_words
from uebench.lazy import torch
from uebench.regular_files import open_regular, open_uncompressed
from uebench.tensor_files import open_safetensors

SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file.

    Attributes:
        shape: Its shape.
        dtype: The name of its type.
        is_number: Whether it holds whole numbers or floats.
        load: Returns its values. A file of a few bytes may stand for an array that fills the memory, so look at
            ``shape`` and ``is_number`` first.
    """

    shape: tuple[int, ...]
    dtype: str
    is_number: bool
    load: Callable[[], NDArray[Any]]


def stored_arrays(file: Path) -> dict[str, StoredArray]:
    """Return the arrays of a file by name; an array without a name has the name ``""``.

    Args:
        file: A file with one of ``SUFFIXES``.

    Raises:
        DataError: If the file cannot be read.
    """
    suffix = file.suffix.lower()
    opened = _of_numpy if suffix in (".npy", ".npz") else _of_safetensors if suffix == ".safetensors" else _of_torch
    with _naming(file):
        return {name: _named(file, array) for name, array in opened(file).items()}


def _named(file: Path, array: StoredArray) -> StoredArray:
    """Return an array whose ``load`` raises errors about the file."""

    def load() -> NDArray[Any]:
        with _naming(file):
            return array.load()

    return StoredArray(array.shape, array.dtype, array.is_number, load)


@contextlib.contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    except Exception:  # each library has its own errors
        raise DataError(f"{file}: damaged, or it holds other things than arrays; save it as .npy") from None


def _of_numpy(file: Path) -> dict[str, StoredArray]:
    with open_regular(file) as opened:
        if not zipfile.is_zipfile(opened):
            opened.seek(0)
            return {"": _headed(opened, partial(np.load, file, allow_pickle=False))}
        opened.seek(0)
        with zipfile.ZipFile(opened) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            heads = {}
            for name in members:
                with archive.open(name) as member:
                    heads[name.removesuffix(".npy")] = _headed(member, partial(_member, file, name))
    return heads


def _member(file: Path, name: str) -> NDArray[Any]:
    with zipfile.ZipFile(file) as archive, archive.open(name) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _headed(opened: IO[bytes], load: Callable[[], NDArray[Any]]) -> StoredArray:
    """Return the array whose NumPy header comes next in a file."""
    version = np.lib.format.read_magic(opened)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(opened)
    if dtype.hasobject or any(length < 0 for length in shape):  # NumPy would read all that follows
        raise ValueError
    return StoredArray(shape, str(dtype), dtype.kind in "iuf", load)


def _of_safetensors(file: Path) -> dict[str, StoredArray]:
    def load(name: str) -> NDArray[Any]:
        with open_safetensors(file) as opened:
            return np.asarray(opened.get_tensor(name))

    with open_safetensors(file) as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        types = {name: part.get_dtype() for name, part in slices.items()}
        return {
            name: StoredArray(tuple(part.get_shape()), types[name], types[name][0] in "IUF", partial(load, name))
            for name, part in slices.items()
        }


def _of_torch(file: Path) -> dict[str, StoredArray]:
    with open_uncompressed(file) as opened:
        is_archive = zipfile.is_zipfile(opened)
    content = torch.load(file, map_location="cpu", weights_only=True, mmap=is_archive)
    tensors: Mapping[Any, Any] = content if isinstance(content, dict) else {"": content}

    def load(tensor: Any) -> NDArray[Any]:  # noqa: ANN401
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().numpy())

    return {
        str(name): StoredArray(
            tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."),
            tensor.dtype != torch.bool and not tensor.is_complex(), partial(load, tensor),
        )
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }  # fmt: skip
