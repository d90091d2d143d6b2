"""The method ``protected``, which reads a protected set made by other code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import field_validator

from uebench.data.foreign.alignment import Alignment, align, arrangement, order_in_words
from uebench.data.foreign.array_files import SUFFIXES
from uebench.data.foreign.reading import CleanSet, ForeignSet, read_foreign_set
from uebench.data.foreign.values import PICKLES
from uebench.data.images import perturbed
from uebench.errors import DataError
from uebench.lazy import torch
from uebench.plugins.base import Batch, Budget, Config, Context, ImageSet, Info, Method

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class ProtectedConfig(Config):
    """Options of ``protected``.

    Attributes:
        file: A folder of images, or a file of images or perturbations (.npy, .npz, .safetensors, .pt).
        name: The name of the set in tables.
        content: ``images``, ``perturbations``, or ``auto`` to infer this from names and values.
        values: The range of the pixels: ``-1..1``, ``0..1``, ``0..255``, or ``auto`` to infer it from the values. A
            perturbation is a difference of two such pixels.
        resize: Crop and resize images of another size in a folder, as is done with clean photographs. This weakens
            most perturbations.
    """

    file: Path
    name: str = "protected"
    content: Literal["auto", "images", "perturbations"] = "auto"
    values: Literal["auto", "-1..1", "0..1", "0..255"] = "auto"
    resize: bool = False

    @field_validator("file")
    @classmethod
    def _readable(cls, file: Path) -> Path:
        if file.suffix.lower() in PICKLES:
            target = file.with_suffix(".npy").name
            raise ValueError(
                "is a pickle, which may run any code, so it is not opened; where you trust it, convert it: "
                f"import numpy, pickle; numpy.save('{target}', numpy.asarray(pickle.load(open('{file.name}', 'rb'))))"
            )
        if not file.exists():
            raise ValueError("is not there; give a folder of images or a file")
        if not file.is_dir() and file.suffix.lower() not in SUFFIXES:
            raise ValueError(f"is of no known kind; give a folder of images or a file {', '.join(SUFFIXES)}")
        return file

    @field_validator("name")
    @classmethod
    def _word(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError("is not a valid name; use letters, digits, dots, dashes and underscores")
        return name

    def published(self) -> dict[str, Any]:
        """Return the options in keys and records: without ``file``, whose digest is among the assets."""
        return {name: value for name, value in super().published().items() if name != "file"}

    def read(self, clean: CleanSet) -> ForeignSet:
        """Read the set; see ``read_foreign_set``."""
        content = None if self.content == "auto" else self.content
        scale = None if self.values == "auto" else self.values
        return read_foreign_set(self.file, clean, content, scale, self.resize)


class Protected(Method[ProtectedConfig]):
    """A protected set made by other code, from a folder of images or from a file of images or perturbations.

    ``uebench run --protected NAME=PATH`` is short for this method with ``name`` and ``file``. The set has no budget,
    because uebench did not make it; the size of its perturbation is measured.
    """

    name = "protected"
    version = 1
    info = Info(title="A protected set that others made", family="from files")
    Config = ProtectedConfig
    earlier: ClassVar[Mapping[str, str]] = {
        "7ce335741d6bfc4cf3e870c486f92aed32fad81c0950a75ae7b5268656ef37ad": "Classes that it uses have other names.",
    }
    _delta: Tensor

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the file or folder, whose content enters the key."""
        return (self.config.file,)

    def budget(self, size: int) -> Budget:
        """Return the budget ``none``."""
        return Budget("none", 0.0)

    def streams(self, size: int) -> bool:
        """Return False, because the rows of the file belong to one set."""
        return False

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Read the set and check that it was made from these photographs."""
        clean = CleanSet(train.images.cpu().numpy(), train.labels.cpu().numpy(), train.num_classes, train.names)
        self._delta = torch.from_numpy(checked(self.config, clean).delta)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the images of the set."""
        delta = self._delta[batch.index.cpu()].to(batch.images.device)
        return (batch.images + delta / 255).clamp(0, 1)


def checked(config: ProtectedConfig, clean: CleanSet) -> ForeignSet:
    """Read a protected set and check that it can be measured.

    Args:
        config: The options that give its path and name.
        clean: The photographs that it was made from.

    Raises:
        DataError: If it cannot be read, has NaN, or shows other photographs or these in another order.
        UsageError: If content or scale cannot be inferred from the values.
    """
    found = config.read(clean)
    if reason := objection(found, alignment_of(found, clean), clean):
        raise DataError(f"protected {config.name!r}: {reason}")
    return found


def alignment_of(found: ForeignSet, clean: CleanSet, test: NDArray[np.uint8] | None = None) -> Alignment | None:
    """Return which photographs its images show, or None for perturbations, which do not show this.

    Args:
        found: The set.
        clean: The photographs that it was made from.
        test: (M, 3, S, S), the test photographs, if these are to be searched too.
    """
    if found.content == "perturbations":
        return None
    return align(perturbed(clean.images, found.delta), clean.images, test)


def objection(found: ForeignSet, alignment: Alignment | None, clean: CleanSet) -> str:
    """Return a line that says why the set cannot be measured, with the remedy; empty if it can be measured."""
    count = len(clean)
    if broken := int((~found.finite).sum()):
        return f"{broken} of {count} images have NaN or infinite values; make them again"
    if alignment is None:
        return ""
    if wrong := arrangement(found.delta, clean.images):
        return f"its images have {wrong}; correct this and write them again"
    if alignment.unrelated:
        return "its images do not show the training photographs; choose the data that it was made from"
    if misplaced := int(alignment.misplaced.sum()):
        words = order_in_words(alignment.order, clean.labels, clean.names)
        return (
            f"{misplaced} of {count} images show the photograph of another place: they are {words}; put them into the "
            "order of the data, which uebench audit prints as JSON"
        )
    return ""
