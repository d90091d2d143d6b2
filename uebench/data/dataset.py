"""Data sets: a source, decoded at one size, with the address that enters every key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uebench.errors import DataError, in_words
from uebench.hashing import digest, key
from uebench.plugins.base import Listing, Shape, Source, Split
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in memory.

    Attributes:
        name: The name that tables show.
        spec: ``source``, ``options`` (without paths) and ``size``.
        key: The content address: source, options, size and the digest of all arrays.
        size: Height and width in pixels.
        num_classes: K, the number of identities.
        train: What the data owner protects.
        test: Clean photographs of the same people; only the referee sees them.
    """

    name: str
    spec: dict[str, Any]
    key: str
    size: int
    num_classes: int
    train: Split
    test: Split

    @property
    def shape(self) -> Shape:
        """Return what plugins may know of the training set beforehand."""
        return Shape(self.size, tuple(np.bincount(self.train.labels).tolist()))

    @property
    def chance(self) -> float:
        """Return the accuracy of guessing, 1/K."""
        return 1 / self.num_classes


def load(text: str, size: int, registry: Registry, cache: Path | None = None) -> Dataset:
    """Load a data set at ``size`` pixels, without torch.

    Args:
        text: A folder, or ``name(option=value)``.
        size: Height and width in pixels.
        registry: Where the sources are named.
        cache: A folder for decoded arrays, so that an unchanged set is decoded once; None decodes every time.

    Raises:
        UsageError: If the text names no source.
        DataError: If an image or an identity is missing or broken; the message names it.
    """
    source = _source(text, registry)
    train, test = _cached(source, size, cache)
    num_classes = int(train.labels.max()) + 1
    for split in (train, test):
        if set(split.labels.tolist()) != set(range(num_classes)):
            raise DataError(f"data {text!r}: an identity lacks photographs in one of the two splits; add or remove it")
    options = source.config.published()
    options.pop("path", None)
    spec = {"source": source.name, "options": options, "size": size}
    arrays = [_digest(part) for part in (train.images, train.labels, test.images, test.labels)]
    return Dataset(source.label(), spec, key(data=spec, arrays=arrays), size, num_classes, train, test)


def _source(text: str, registry: Registry) -> Source[Any]:
    is_path = any(sign in text for sign in "/\\.~") and "(" not in text
    if is_path or Path(text).is_dir():
        return registry.build("source", Spec("folder", {"path": str(Path(text).expanduser())}))  # type: ignore[return-value]
    return registry.build("source", parse(text))  # type: ignore[return-value]


def _cached(source: Source[Any], size: int, cache: Path | None) -> tuple[Split, Split]:
    listing = source.listing()
    if cache is None or listing is None:
        return source.read(size)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    names = ("train_images", "train_labels", "test_images", "test_labels")
    file = cache / f"{_fingerprint(source, listing, size)}.safetensors"
    try:
        parts = [load_file(file)[name] for name in names]
        if json.loads(file.with_suffix(".json").read_text()) == [_digest(part) for part in parts]:
            return Split(parts[0], parts[1]), Split(parts[2], parts[3])
    except (OSError, SafetensorError, KeyError, ValueError):
        pass  # not there, or damaged: decode
    train, test = source.read(size)
    parts = [train.images, train.labels, test.images, test.labels]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        save_file(dict(zip(names, parts, strict=True)), file)
        file.with_suffix(".json").write_text(json.dumps([_digest(part) for part in parts]))
    except (OSError, SafetensorError):
        file.unlink(missing_ok=True)  # only a cache: the run itself will say if the folder cannot be used
    return train, test


def _fingerprint(source: Source[Any], listing: Listing, size: int) -> str:
    try:
        stats = [
            [str(file), label, split, (stat := file.stat()).st_size, stat.st_mtime_ns]
            for split, files in enumerate((listing.train, listing.test))
            for file, label in files
        ]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({in_words(error)})") from None
    return digest([source.name, source.version, size, stats])


def _digest(array: np.ndarray[Any, Any]) -> str:
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()
