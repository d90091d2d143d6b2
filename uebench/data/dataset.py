"""Data sets: the photographs of a source, decoded at one size, with the content address that enters every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from uebench import __version__
from uebench.data import cache as decoded
from uebench.data.checks import fault, repeated
from uebench.data.folders import expanded, is_folder
from uebench.data.images import image_stamp
from uebench.data.names import source_of_label
from uebench.errors import DataError, UsageError, text_of
from uebench.hashing import digest, key
from uebench.plugins import questions
from uebench.plugins.base import Listing, Shape, Source, Split
from uebench.plugins.part import Part
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.record_parts import DataRecord


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """The description of a data set from which a plan is made, without pixels.

    Attributes:
        source: The source of the photographs, which ``load`` decodes; None for arrays in memory.
        name: The name that tables show.
        options: The source's options, without paths.
        key: The content address, a digest of source, options, size and all arrays.
        size: Height and width in pixels.
        train_counts: The number of training photographs of each identity.
        test_counts: The number of clean test photographs of each identity.
    """

    source: Part[Source[Any]] | None
    name: str
    options: Mapping[str, Any]
    key: str
    size: int
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        """Return K, the number of identities."""
        return len(self.train_counts)

    @property
    def shape(self) -> Shape:
        """Return what plugins may know about the training set before it is loaded."""
        return Shape(self.size, self.train_counts)

    @property
    def train_images(self) -> int:
        """Return the number of training photographs."""
        return sum(self.train_counts)

    @property
    def record(self) -> DataRecord:
        """Return the description of the data set in records."""
        return DataRecord(
            name=self.name,
            source=self.source.name if self.source else "arrays",
            options=dict(self.options),
            size=self.size,
            num_classes=self.num_classes,
            train_images=self.train_images,
            test_images=sum(self.test_counts),
        )

    def train_names(self) -> tuple[str, ...]:
        """Return the identity and file name of each training photograph, without suffix, such as ``ann/3``.

        Empty if the images do not have a file each, as when they are generated or several come from one photograph.
        """
        source = self.source.build() if self.source else None
        listing = questions.listing(source) if source else None
        if listing is None or len(listing.train) != self.train_images:
            return ()
        return tuple(f"{file.parent.name}/{file.stem}" for file, _ in listing.train)

    def load(self, cache: Path | None = None) -> Dataset:
        """Decode the photographs.

        Args:
            cache: A folder for decoded photographs, or None.

        Raises:
            DataError: If a photograph cannot be read, or if the photographs have changed since ``key`` was computed.
        """
        if self.source is None:
            raise DataError(f"data {self.name!r}: arrays in memory, which cannot be loaded again")
        dataset = _load(self.source, self.size, cache)
        if dataset.key != self.key:
            raise DataError(f"data {self.name!r}: its photographs changed since the plan was made; run again")
        return dataset


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in memory; its arrays are read-only.

    Attributes:
        info: Its description, without pixels.
        train: The photographs that the data owner protects.
        test: Clean photographs of the same people; only the referee sees them.
    """

    info: DatasetInfo
    train: Split
    test: Split

    @property
    def name(self) -> str:
        """Return the name that tables show."""
        return self.info.name

    @property
    def key(self) -> str:
        """Return the content address."""
        return self.info.key

    @property
    def size(self) -> int:
        """Return height and width in pixels."""
        return self.info.size

    @property
    def num_classes(self) -> int:
        """Return K, the number of identities."""
        return self.info.num_classes


def load(text: str, size: int, registry: Registry, cache: Path | None = None) -> Dataset:
    """Load a data set at ``size`` pixels, without torch.

    Args:
        text: A folder, or ``name(option=value)``. A folder that is named like a source needs a path, such as ``./orl``.
        size: Height and width in pixels.
        registry: The registry that knows the sources.
        cache: A folder for decoded arrays, so that an unchanged set is decoded once; None to decode every time.

    Raises:
        UsageError: If ``text`` does not name a source.
        DataError: If an image or an identity is missing or damaged; the message names it.
    """
    return _load(source_part(text, registry), size, cache)


def describe(text: str, size: int, registry: Registry, cache: Path | None = None) -> DatasetInfo:
    """Return the description of a data set; its pixels are read only if the cache does not have the description.

    Arguments and errors are those of ``load``.
    """
    part = source_part(text, registry)
    source = part.build()
    listing = questions.listing(source) if cache else None
    if cache and listing and (cached := decoded.fetch_description(cache, _fingerprint(part, listing, size))):
        return _info(part, size, cached)
    return _load(part, size, cache).info


def of_arrays(train: Split, test: Split) -> Dataset:
    """Return arrays in memory as a data set, which has an empty key.

    Args:
        train: Training images, with every identity from 0 to K-1.
        test: Clean test images of the same size and identities.
    """
    counts = [tuple(np.bincount(split.labels).tolist()) for split in (train, test)]
    return Dataset(DatasetInfo(None, "arrays", {}, "", train.images.shape[-1], *counts), train, test)


def source_part(text: str, registry: Registry) -> Part[Source[Any]]:
    """Return the source that ``text`` names: a folder, ``name(option=value)``, or a name that tables print.

    Raises:
        UsageError: If it names no source, or a data set that is not here.
        DataError: If it begins with the home folder of an unknown user.
    """
    if not text_of(text, "data").strip():
        raise UsageError(f"data {text!r}: names nothing; write . for the current folder")
    path = expanded(Path(text))
    folder = Spec("folder", {"path": str(path)})
    if ("source", text) in registry:
        spec = parse(text)
    elif is_folder(path):
        spec = folder
    elif printed := source_of_label(text, registry):
        spec = printed
    else:
        is_path = any(sign in text for sign in "/\\.~") and "(" not in text
        spec = folder if is_path else parse(text)
    return Part(registry.entry("source", spec.name), registry.build("source", spec).config, str(spec))


def _load(part: Part[Source[Any]], size: int, cache: Path | None) -> Dataset:
    source = part.build()
    listing = questions.listing(source)
    cache = cache if listing else None  # without files, nothing tells whether the images are still the same
    fingerprint = _fingerprint(part, listing, size) if cache and listing else ""
    cached = decoded.fetch(cache, fingerprint) if cache else None
    if cached:
        description, train, test = cached
    else:
        train, test = questions.read(source, size)
        if reason := fault(train, test, size) or ("" if listing else repeated(train, test)):
            raise DataError(f"data {part.written!r}: {reason}")
        description = decoded.Description.of(train, test)
        if cache:
            decoded.keep(cache, fingerprint, description, train, test)
    for array in (train.images, train.labels, test.images, test.labels):
        array.flags.writeable = False
    return Dataset(_info(part, size, description), train, test)


def _info(part: Part[Source[Any]], size: int, description: decoded.Description) -> DatasetInfo:
    source = part.build()
    options = source.config.published()
    options.pop("path", None)
    spec = {"source": source.name, "options": options, "size": size}
    address = key(data=spec, arrays=list(description.arrays))
    counts = description.train_counts, description.test_counts
    name = questions.label(source).encode("utf-8", "backslashreplace").decode()  # a folder's name may be any bytes
    return DatasetInfo(part, name, options, address, size, *counts)


def _fingerprint(part: Part[Source[Any]], listing: Listing, size: int) -> str:
    """Return a digest of the listed files with their sizes and times, of the source and the image size.

    The source's code and options count, and so do the versions of Pillow and uebench, which decode.
    """
    stamps = [
        [str(file.absolute()), label, split, *image_stamp(file, with_ctime=True)]
        for split, listed in enumerate((listing.train, listing.test))
        for file, label in listed
    ]
    return digest([part.published(), part.entry.source_digest, PIL.__version__, __version__, size, stamps])
