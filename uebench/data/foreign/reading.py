"""Reading a protected set made by other code, as the perturbation of each photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from uebench.data.dataset import Dataset
from uebench.data.folders import SPLITS, contents
from uebench.data.foreign.values import Content, Scale, Values, read_array
from uebench.data.images import LARGEST_FILE, open_image, read_image
from uebench.data.photographs import Photograph, photographs_in
from uebench.errors import DataError
from uebench.regular_files import read_regular

CHANGED = {
    "JPEG": "are JPEG files: compression has changed the perturbation",
    "WEBP": "are lossy WebP files: compression has changed the perturbation",
    "TIFF": "are TIFF files with JPEG compression, which has changed the perturbation",
    "palette": "have a palette of at most 256 colours, which has changed the perturbation",
}
"""What is said of images whose format does not keep a perturbation."""


@dataclass(frozen=True, slots=True)
class CleanSet:
    """The clean training photographs that a protected set was made from.

    Attributes:
        images: (N, 3, S, S) uint8.
        labels: (N,) int64 in 0..K-1.
        num_classes: K.
        names: The identity and file name of each photograph, as in ``ImageSet``.
        data: The name of their data set, for messages; may be empty.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    num_classes: int
    names: tuple[str, ...] = ()
    data: str = ""

    @classmethod
    def of(cls, dataset: Dataset) -> CleanSet:
        """Return the training photographs of a data set."""
        train = dataset.train
        return cls(train.images, train.labels, dataset.num_classes, dataset.info.train_names(), dataset.name)

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    @property
    def size(self) -> int:
        """Return S."""
        return int(self.images.shape[-1])

    @property
    def or_others(self) -> str:
        """Return the end of a message about a wrong number of images: they may be of another data set."""
        if not self.data:
            return ""
        return f"; these are of {self.data}: if the set was made from others, name them with --data (data= in Python)"


@dataclass(frozen=True, slots=True)
class ForeignSet:
    """A protected set with as many images as there are clean photographs, of the same size.

    Attributes:
        content: Whether its files hold images or perturbations.
        scale: The range of their pixels.
        classwise: Whether all photographs of an identity share one perturbation.
        delta: (N, 3, S, S) int16: protected minus clean in grey levels, after rounding the protected images and
            clipping them to 0..255; 0 where a value is NaN or infinite.
        finite: (N,) whether all values of an image are finite.
        labels: (N,) int64, the labels in the files; None if there are none that can be used.
        remarks: Remarks for the user.
        unused_labels: The shape and type of labels in the file that cannot be used; else empty.
    """

    content: Content
    scale: Scale
    classwise: bool
    delta: NDArray[np.int16]
    finite: NDArray[np.bool_]
    labels: NDArray[np.int64] | None
    remarks: tuple[str, ...]
    unused_labels: str = ""


def read_foreign_set(
    file: Path, clean: CleanSet, content: Content | None = None, scale: Scale | None = None, resize: bool = False
) -> ForeignSet:
    """Read a protected set and compute its perturbation of the clean photographs.

    Args:
        file: A folder of images, or a file for ``read_array``.
        clean: The photographs.
        content: See ``read_array``.
        scale: See ``read_array``.
        resize: Whether to crop and resize images of another size in a folder, as is done with clean photographs.

    Raises:
        DataError: If the set cannot be read, or has another size or another number of images.
        UsageError: If content or scale cannot be inferred from the values.
    """
    if file.is_dir():
        files, labels, remarks = _files(file, clean)
        decoded = [_decoded(path, clean.size, resize) for path in files]
        kinds = Counter(kind for _, kind in decoded)
        remarks += [f"{kinds[kind]} of {len(clean)} images {words}" for kind, words in CHANGED.items() if kinds[kind]]
        images = np.stack([image for image, _ in decoded])
        return _foreign_set(Values(images, "images", "0..255", labels), False, clean, remarks)
    rows = f"{len(clean)} rows, one for each training photograph"

    def check(shape: tuple[int, ...]) -> None:
        count, _, *size = shape
        if tuple(size) != (clean.size, clean.size):
            raise DataError(f"{file}: {size[1]} x {size[0]} pixels; {_other_size(clean.size)}")
        if count > len(clean):
            raise DataError(f"{file}: {count} rows; give {rows}, in the order of the data{clean.or_others}")

    values = read_array(file, content, scale, check)
    count = len(values.array)
    classwise = values.content == "perturbations" and count == clean.num_classes != len(clean)
    if count != len(clean) and not classwise:
        or_classwise = f", or {clean.num_classes}, one for each identity" if values.content == "perturbations" else ""
        raise DataError(
            f"{file}: {count} {values.content}; give {rows}, in the order of the data{or_classwise}{clean.or_others}"
        )
    order = "the order of perturbations cannot be checked; give the protected images to have it checked"
    remark = f"{order}; {values.remark}" if values.remark else order
    return _foreign_set(values, classwise, clean, (remark,) if values.content == "perturbations" else ())


def _foreign_set(values: Values, classwise: bool, clean: CleanSet, remarks: Sequence[str]) -> ForeignSet:
    delta, rows = np.empty(clean.images.shape, np.int16), clean.labels if classwise else range(len(clean))
    for position, row in enumerate(rows):
        levels, photograph = values.grey_levels(row), clean.images[position]
        protected = levels if values.content == "images" else photograph + levels
        delta[position] = np.where(np.isfinite(levels), np.rint(protected).clip(0, 255), photograph) - photograph
    finite = values.finite[clean.labels] if classwise else values.finite
    labels, unused = values.labels, values.unused_labels
    if labels is not None:
        is_whole = labels.dtype.kind in "iu" or bool(((labels == np.rint(labels)) & (abs(labels) < 2**31)).all())
        if labels.shape != clean.labels.shape or not is_whole:
            unused = f"shape {labels.shape}, {labels.dtype}"
            labels = None
    numbers = labels.astype(np.int64) if labels is not None else None
    return ForeignSet(values.content, values.scale, classwise, delta, finite, numbers, tuple(remarks), unused)


def _files(folder: Path, clean: CleanSet) -> tuple[list[Path], NDArray[np.int64] | None, list[str]]:
    """Return the file of each photograph's copy, the labels that the folders imply, and remarks for the user."""
    split = next((name for name in SPLITS if name in contents(folder).folders), "")
    people = photographs_in(folder / split)
    images = list(chain.from_iterable(people.values()))
    ordered, remarks = _by_name(images, folder, clean.names), []
    labels = None
    if ordered is None:
        if len(images) != len(clean):
            wanted = f"give {len(clean)}, one for each training photograph{clean.or_others}"
            raise DataError(f"{folder}: {len(images)} images; {wanted}")
        ordered = images
        remarks.append("its files are not named as the training photographs, so they are taken in natural order")
        labels = np.array([image.label for image in images]) if len(people) > 1 else None
    if left := len(images) - len(ordered):
        remarks.append(f"{left} of its {len(images)} images are not training photographs and are left out")
    return [image.file for image in ordered], labels, remarks


def _by_name(images: Sequence[Photograph], folder: Path, names: Sequence[str]) -> list[Photograph] | None:
    """Return the images in the order of the photographs' names, or None if their names do not tell the order.

    Raises:
        DataError: If some of the names are missing, and the number of images is not that of the photographs.
    """
    flat = all(len(image.copy.parts) == 1 for image in images)
    wanted = [Path(name).name for name in names] if flat else list(names)
    if not names or len(set(wanted)) < len(wanted):
        return None
    by_name = {str(image.copy.with_suffix("").as_posix()): image for image in images}
    missing = [name for name in wanted if name not in by_name]
    if missing and (len(missing) == len(wanted) or len(images) == len(wanted)):
        return None
    if missing:
        others = f" and of {len(missing) - 1} other training photographs" if len(missing) > 1 else ""
        raise DataError(f"{folder}: no copy of {missing[0]}{others}; add them, or choose data without them")
    return [by_name[name] for name in wanted]


def _decoded(file: Path, size: int, resize: bool) -> tuple[NDArray[np.uint8], str]:
    """Return an image and its kind among ``CHANGED``, which is empty if the format keeps all pixels."""
    image = read_image(file, size)
    with open_image(file) as opened:
        width, height = opened.size
        kind = "palette" if opened.mode == "P" else _lossy(opened, file)
    if not resize and (width, height) != (size, size):
        raise DataError(f"{file}: {width} x {height} pixels; {_other_size(size)}, or say resize=true")
    return image, kind


def _lossy(opened: Image.Image, file: Path) -> str:
    """Return the format of an image that was compressed with loss, whatever its suffix; else an empty text."""
    match opened.format:
        case "JPEG":
            return "JPEG"
        case "TIFF" if "jpeg" in str(opened.info.get("compression")):
            return "TIFF"
        case "WEBP" if _is_lossy_webp(read_regular(file, LARGEST_FILE)):
            return "WEBP"
    return ""


def _is_lossy_webp(content: bytes) -> bool:
    """Return whether a WebP file is lossy, which Pillow does not tell: its pixels lie in ``VP8``, not ``VP8L``."""
    place = 12  # after "RIFF", the size and "WEBP"
    while place + 8 <= len(content):
        name, length = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        place += 8 + length + length % 2
    return False


def _other_size(size: int) -> str:
    return f"this preset has photographs of {size} x {size}; protect them at this size, or choose another preset"
