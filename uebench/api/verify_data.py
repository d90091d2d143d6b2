"""``uebench.verify_data``: is a set what its manifest says, and do its test photographs repeat training photographs?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uebench.api.workspace import plugin_files
from uebench.data.builders.manifest import NAME, Manifest
from uebench.data.builders.manifest import verify as compare_with_manifest
from uebench.data.dataset import source_part
from uebench.data.folders import expanded, is_folder
from uebench.data.repeats import Repeat, repeats, repeats_within
from uebench.data.sources import FolderConfig
from uebench.errors import DataError, UsageError
from uebench.plugins.base import Source
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.progress import ProgressFor, silent


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of a data set.

    Attributes:
        name: The name that tables show.
        train_images: How many photographs train.
        test_images: How many test, repeats included.
        test: Test photographs that repeat a training photograph.
        train: Training photographs that repeat an earlier one; these do no harm to a measurement.
        manifest: That of a built set, whose files all agree with it.
        remedy: The data text that leaves the repeats out; None if the source has no such option.
        dropped: Whether the data text does so already.
    """

    name: str
    train_images: int
    test_images: int
    test: tuple[Repeat, ...]
    train: tuple[Repeat, ...]
    manifest: Manifest | None
    remedy: str | None
    dropped: bool

    @property
    def lines(self) -> list[str]:
        """Return what people read: a line per repeat, and a summary."""
        found = [("test", one) for one in self.test] + [("train", one) for one in self.train]
        told = [f"{split} {_short(one.file)} repeats train {_short(one.of)} ({one.how})" for split, one in found]
        left_out = ", left out by repeats=drop" if self.dropped and self.test else ""
        tests = f"{len(self.test)} of {self.test_images} test photographs repeat a training photograph{left_out}"
        train = f"{len(self.train)} of {self.train_images} training photographs repeat another"
        return [*told, f"{self.name}: {tests}; {train}"]

    @property
    def document(self) -> dict[str, Any]:
        """Return the same as JSON values; files are named by identity and name, without the folder of the set."""
        return {
            "name": self.name,
            "train_images": self.train_images,
            "test_images": self.test_images,
            "test_repeats": [_values(one) for one in self.test],
            "train_repeats": [_values(one) for one in self.train],
            "built": self.manifest.builder if self.manifest else None,
            "dropped": self.dropped,
            "remedy": self.remedy,
        }


def verify_data(
    data: str | Path, *, plugins: str | Path | Iterable[str | Path] = (), progress: ProgressFor = silent
) -> Verification:
    """Compare a built set with its manifest, and look for photographs that repeat others.

    Args:
        data: A folder, or a data set as ``uebench.run`` takes it.
        plugins: Python files with sources of your own.
        progress: Where the progress goes.

    Raises:
        UsageError: If the text names no source, or one that has no files.
        DataError: If a photograph cannot be read, or a file differs from the manifest.

    Example:
        >>> import uebench
        >>> uebench.verify_data("orl(identities=2)").test_images
        6
    """
    part = source_part(str(data), Registry(plugin_files(plugins)))
    source: Source[Any] = part.build()
    options = source.config
    folder = expanded(options.path) if isinstance(options, FolderConfig) else None
    manifest = compare_with_manifest(folder) if folder and is_folder(folder) and (folder / NAME).exists() else None
    listing = source.listing()
    if listing is None:
        raise UsageError(f"data {part.written!r}: is made up and has no photographs to compare")
    test, train = ([file for file, _ in split] for split in (listing.test, listing.train))
    show = progress(source.label())
    return Verification(
        name=source.label(),
        train_images=len(train),
        test_images=len(test),
        test=repeats(test, train, show),
        train=repeats_within(train, show),
        manifest=manifest,
        remedy=_remedy(options) if isinstance(options, FolderConfig) else None,
        dropped=isinstance(options, FolderConfig) and options.repeats == "drop",
    )


def complain(found: Verification) -> None:
    """Raise a DataError that names the remedy if test photographs repeat training photographs and are not left out."""
    if not found.test or found.dropped:
        return
    remedy = f"leave them out with --data '{found.remedy}'" if found.remedy else "their answers measure memory, too"
    count = len(found.test)
    say = "1 test photograph repeats" if count == 1 else f"{count} test photographs repeat"
    raise DataError(f"{found.name}: {say} a training photograph; {remedy}")


def _remedy(options: FolderConfig) -> str:
    given = {name: getattr(options, name) for name in options.model_fields_set}
    return str(Spec("folder", given | {"path": str(options.path), "repeats": "drop"}))


def _values(one: Repeat) -> dict[str, Any]:
    return {
        "file": _short(one.file),
        "of": _short(one.of),
        "likeness": round(one.likeness, 3),
        "exact": one.exact,
        "mirrored": one.mirrored,
    }


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
