"""A protected set that others made, from its files to what it changes in each photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uebench.data.folders import SPLITS, contents
from uebench.data.images import open_image, read_image
from uebench.data.protected_arrays import Content, Scale, Values, read_array
from uebench.data.protected_folder import Photograph, photographs_in
from uebench.errors import DataError

LOSSY = (".jpeg", ".jpg")


@dataclass(frozen=True, slots=True)
class Photographs:
    """The clean training photographs that a protected set must fit.

    Attributes:
        images: (N, 3, S, S) uint8.
        labels: (N,) int64 in 0..K-1.
        num_classes: K.
        names: Identity and name of each one's file, as ``ImageSet`` has them.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    num_classes: int
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    @property
    def size(self) -> int:
        """Return S."""
        return int(self.images.shape[-1])


@dataclass(frozen=True, slots=True)
class ProtectedSet:
    """A protected set of the size and number of the clean photographs.

    Attributes:
        content: What its files hold.
        scale: The range of their pixels.
        classwise: Whether one perturbation serves all photographs of an identity.
        delta: (N, 3, S, S) int16: protected minus clean in grey levels, rounded and clipped to 0..255; where a value
            is NaN or infinite, nothing is changed.
        finite: (N,) whether all values of an image are numbers.
        labels: (N,) whom the images show, where the files say so.
        remarks: What people should know of it.
    """

    content: Content
    scale: Scale
    classwise: bool
    delta: NDArray[np.int16]
    finite: NDArray[np.bool_]
    labels: NDArray[np.int64] | None
    remarks: tuple[str, ...]


def read_protected(
    file: Path, clean: Photographs, content: Content | None = None, scale: Scale | None = None, resize: bool = False
) -> ProtectedSet:
    """Read a protected set and bring it beside the clean photographs.

    Args:
        file: A folder of images, or a file as ``read_array`` takes it.
        clean: The photographs.
        content: As ``read_array`` takes it.
        scale: As ``read_array`` takes it.
        resize: Crop and resize images of another size in a folder, as clean photographs are.

    Raises:
        DataError: If it cannot be read, or has another size or another number of images.
        UsageError: If its values leave open what they are.
    """
    if file.is_dir():
        files, labels, remarks = _files(file, clean)
        images = np.stack([_decoded(one, clean.size, resize) for one in files])
        return _fitted(Values(images, "images", "0..255", labels), False, clean, remarks)
    values = read_array(file, content, scale)
    count, size = len(values.array), values.array.shape[2:]
    if size != (clean.size, clean.size):
        raise DataError(f"{file}: {size[1]} x {size[0]} pixels; {_other_size(clean.size)}")
    classwise = values.content == "perturbations" and count == clean.num_classes != len(clean)
    if count != len(clean) and not classwise:
        rows = f"{len(clean)} rows, one for each training photograph"
        or_classwise = f", or {clean.num_classes}, one for each identity" if values.content == "perturbations" else ""
        raise DataError(f"{file}: {count} {values.content}; give {rows}, in the order of the data{or_classwise}")
    remark = "the order of perturbations cannot be checked; give the protected images to have it checked"
    return _fitted(values, classwise, clean, (remark,) if values.content == "perturbations" else ())


def _fitted(values: Values, classwise: bool, clean: Photographs, remarks: Sequence[str]) -> ProtectedSet:
    delta, rows = np.empty(clean.images.shape, np.int16), clean.labels if classwise else range(len(clean))
    for place, row in enumerate(rows):
        levels, photograph = values.grey_levels(row), clean.images[place]
        changed = levels if values.content == "images" else photograph + levels
        delta[place] = np.where(np.isfinite(levels), np.rint(changed).clip(0, 255), photograph) - photograph
    finite, labels = values.finite, values.labels
    fits = labels is not None and labels.shape == clean.labels.shape and labels.dtype.kind in "iu"
    return ProtectedSet(
        values.content, values.scale, classwise, delta, finite[clean.labels] if classwise else finite,
        labels.astype(np.int64) if labels is not None and fits else None, tuple(remarks),
    )  # fmt: skip


def _files(folder: Path, clean: Photographs) -> tuple[list[Path], NDArray[np.int64] | None, list[str]]:
    """Return the file of each photograph's copy, the labels that the folders say, and what is to be said of it."""
    split = next((one for one in SPLITS if one in contents(folder).folders), "")
    people = photographs_in(folder / split)
    found = list(chain.from_iterable(people.values()))
    ordered, remarks = _by_name(found, folder, clean.names), []
    labels = None
    if ordered is None:
        if len(found) != len(clean):
            raise DataError(f"{folder}: {len(found)} images; give {len(clean)}, one for each training photograph")
        ordered = found
        remarks.append("its files are not named as the training photographs, so they are taken in natural order")
        labels = np.array([one.label for one in found]) if len(people) > 1 else None
    if left := len(found) - len(ordered):
        remarks.append(f"{left} of its {len(found)} images are no training photographs and are left out")
    lossy = sum(one.file.suffix.lower() in LOSSY for one in ordered)
    if lossy:
        remarks.append(f"{lossy} of {len(clean)} images are JPEG files: compression has changed the perturbation")
    return [one.file for one in ordered], labels, remarks


def _by_name(found: Sequence[Photograph], folder: Path, names: Sequence[str]) -> list[Photograph] | None:
    """Return the copies of the photographs by their names; None if no photograph's name is there.

    Raises:
        DataError: If only some of them are there, and not as many images as photographs.
    """
    flat = all(len(one.copy.parts) == 1 for one in found)
    wanted = [Path(name).name for name in names] if flat else list(names)
    if not names or len(set(wanted)) < len(wanted):
        return None
    known = {str(one.copy.with_suffix("").as_posix()): one for one in found}
    missing = [name for name in wanted if name not in known]
    if missing and (len(missing) == len(wanted) or len(found) == len(wanted)):
        return None
    if missing:
        others = f" and of {len(missing) - 1} other training photographs" if len(missing) > 1 else ""
        raise DataError(f"{folder}: no copy of {missing[0]}{others}; add them, or choose data without them")
    return [known[name] for name in wanted]


def _decoded(file: Path, size: int, resize: bool) -> NDArray[np.uint8]:
    image = read_image(file, size)
    with open_image(file) as opened:
        width, height = opened.size
    if not resize and (width, height) != (size, size):
        raise DataError(f"{file}: {width} x {height} pixels; {_other_size(size)}, or say resize=true")
    return image


def _other_size(size: int) -> str:
    return f"this preset has photographs of {size} x {size}; protect them at this size, or choose another preset"
