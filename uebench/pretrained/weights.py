"""Read and write the trained weights of a method: one safetensors file with metadata."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from uebench.errors import DataError
from uebench.hashing import file_state
from uebench.store.atomic import write
from uebench.store.seal import complaint
from uebench.tensor_files import header, open_safetensors, packed

if TYPE_CHECKING:
    from torch import Tensor


class Metadata(BaseModel):
    """What the header of a weights file says. Files need not have all of it, and may have more.

    Attributes:
        method: The method's name.
        version: Its version.
        config: Its options.
        data: The name of the data set that it was trained on.
        size: Height and width of the images in pixels.
        num_classes: The number of identities.
        counts: The number of training images of each identity.
        seed: The method's seed.
        seconds: The time that the training took.
        command: The command that repeats it.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    method: str
    version: int | None = None
    config: dict[str, Any]
    data: str | None = None
    size: int
    num_classes: int | None = None
    counts: tuple[int, ...] | None = None
    seed: int | None = None
    seconds: float | None = None
    command: str | None = None


def metadata(file: Path, method: str) -> Mapping[str, Any]:
    """Return the metadata of a weights file, without torch.

    Args:
        file: A file that ``save`` wrote.
        method: The method that it must belong to.

    Returns:
        What ``Metadata`` describes, as JSON values.

    Raises:
        DataError: If the file is missing, not a weights file, or that of another method, or lacks what every use needs.
    """
    return _read(file, method).model_dump(mode="json", exclude_unset=True)


def counts(file: Path, method: str) -> tuple[int, ...]:
    """Return the number of training images of each identity.

    Args:
        file: See ``metadata``.
        method: See ``metadata``.

    Raises:
        DataError: See ``metadata``; also if the file does not say this.
    """
    found = _read(file, method).counts
    if found is None:
        raise _unusable(file, method, "counts: field required")
    return found


def _read(file: Path, method: str) -> Metadata:
    from safetensors import SafetensorError

    try:
        meta = _metadata(file, file_state(file))
        owner = meta["method"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"{file}: not a weights file; uebench fit {method} --out FILE makes one") from None
    if owner != method:
        raise DataError(f"{file}: weights of {owner}, not of {method}; uebench fit {method} --out FILE makes them")
    try:
        return Metadata.model_validate(meta)
    except ValidationError as error:
        raise _unusable(file, method, complaint(error)) from None


def _unusable(file: Path, method: str, reason: str) -> DataError:
    return DataError(f"{file}: its header cannot be used ({reason}); uebench fit {method} --out FILE makes a new file")


@cache
def _metadata(file: Path, _: tuple[int, ...]) -> Mapping[str, Any]:
    with open_safetensors(file) as opened:
        return _renamed(header(opened))


def _renamed(meta: dict[str, Any]) -> dict[str, Any]:
    """Return metadata under today's names: ``segue(restart=true)`` of older files has become ``segue_restart``."""
    if meta["method"] == "segue" and meta.get("config", {}).pop("restart", False):
        meta["method"] = "segue_restart"
    return meta


def load(file: Path, method: str, size: int, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read weights for a method.

    Args:
        file: A file that ``save`` wrote.
        method: The method that loads it.
        size: Height and width of the images to protect, in pixels.
        config: Options that must equal those of the training, such as a code's length.

    Raises:
        DataError: If the file does not fit.
    """
    from safetensors.torch import load_file

    meta = _read(file, method)
    if meta.size != size:
        raise DataError(f"{file}: trained at {meta.size} pixels, the images have {size}; train with weights=none")
    for name, value in config.items():
        if name not in meta.config:
            raise _unusable(file, method, f"config.{name}: field required")
        if meta.config[name] != value:
            raise DataError(f"{file}: trained with {name}={meta.config[name]}; use the same in {method}({name}=...)")
    return load_file(file)


def save(file: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write weights that ``load`` and ``metadata`` can read.

    Args:
        file: A path that ends with ``.safetensors``; an existing file is replaced atomically.
        state: A method's ``state()``.
        meta: What ``metadata`` is to return, as JSON values.

    Raises:
        StoreError: If the file cannot be written.
    """
    write(file, packed(state, meta, sort_keys=True))
