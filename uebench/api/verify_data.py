"""``uebench.verify_data``: compare a set with its manifest, and find test photographs that repeat training ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uebench.api.workspace import Texts, plugin_files
from uebench.data.builders.manifest import Manifest, is_built
from uebench.data.builders.manifest import verify as compare_with_manifest
from uebench.data.dataset import source_part
from uebench.data.folders import is_folder
from uebench.data.repeats import Repeat, repeats, repeats_within
from uebench.data.sources import FolderConfig
from uebench.errors import DataError, UsageError, counted
from uebench.plugins import questions
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.progress import ProgressFor, silent


@dataclass(frozen=True, slots=True)
class Verification:
    """The findings about a data set.

    Attributes:
        name: The name in tables.
        train_images: Number of training photographs.
        test_images: Number of test photographs, repeats included.
        test: The test photographs that repeat a training photograph.
        train: The training photographs that repeat an earlier one; they do not harm measurements.
        manifest: The manifest of a built set, with which all its files agree.
        remedy: The data set as a text that leaves the repeats out; None if the source has no such option.
        dropped: Whether the given text leaves them out already.
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
        """Return the findings for readers: a line per repeat, and a summary."""
        found = [("test", repeat) for repeat in self.test] + [("train", repeat) for repeat in self.train]
        lines = [
            f"{split} {_short(repeat.file)} repeats train {_short(repeat.of)} ({repeat.how})" for split, repeat in found
        ]
        left_out = ", left out by repeats=drop" if self.dropped and self.test else ""
        tests = f"{len(self.test)} of {self.test_images} test photographs repeat a training photograph{left_out}"
        train = f"{len(self.train)} of {self.train_images} training photographs repeat another"
        return [*lines, f"{self.name}: {tests}; {train}"]

    @property
    def document(self) -> dict[str, Any]:
        """Return the findings as JSON values. Files are named without the folder of the set."""
        return {
            "name": self.name,
            "train_images": self.train_images,
            "test_images": self.test_images,
            "test_repeats": [_document(repeat) for repeat in self.test],
            "train_repeats": [_document(repeat) for repeat in self.train],
            "built": self.manifest.builder if self.manifest else None,
            "dropped": self.dropped,
            "remedy": self.remedy,
        }


def verify_data(data: str | Path, *, plugins: Texts = (), progress: ProgressFor = silent) -> Verification:
    """Compare a built set with its manifest, and look for photographs that repeat others.

    Args:
        data: A folder, or a data set as for ``uebench.run``.
        plugins: Python files with your own sources.
        progress: Called with the name of the set; returns a function of (done, total, text).

    Raises:
        UsageError: If there is no such source, or if it has no files.
        DataError: If a photograph cannot be read, or a file differs from the manifest.

    Example:
        >>> import uebench
        >>> uebench.verify_data("orl(identities=2)").test_images
        6
    """
    part = source_part(str(data), Registry(plugin_files(plugins)))
    source = part.build()
    options = source.config
    folder = options.path if isinstance(options, FolderConfig) else None
    manifest = compare_with_manifest(folder) if folder and is_folder(folder) and is_built(folder) else None
    listing = questions.listing(source)
    if listing is None:
        raise UsageError(f"data {part.written!r}: has no files to compare; name a set of photographs")
    test, train = ([file for file, _ in split] for split in (listing.test, listing.train))
    show = progress(questions.label(source))
    return Verification(
        name=questions.label(source),
        train_images=len(train),
        test_images=len(test),
        test=repeats(test, train, show),
        train=repeats_within(train, show),
        manifest=manifest,
        remedy=_remedy(options) if isinstance(options, FolderConfig) else None,
        dropped=isinstance(options, FolderConfig) and options.repeats == "drop",
    )


def raise_if_repeats(verification: Verification) -> None:
    """Raise an error if test photographs repeat training photographs and are not left out.

    Raises:
        DataError: With the remedy.
    """
    if not verification.test or verification.dropped:
        return
    count, remedy = len(verification.test), "leave them out of the source, because they also measure memorisation"
    if verification.remedy:
        remedy = f"leave them out with --data '{verification.remedy}'"
    repeat = counted(count, "test photograph repeats", "test photographs repeat")
    raise DataError(f"{verification.name}: {repeat} a training photograph; {remedy}")


def _remedy(options: FolderConfig) -> str:
    given = {name: getattr(options, name) for name in options.model_fields_set}
    return str(Spec("folder", given | {"path": str(options.path), "repeats": "drop"}))


def _document(repeat: Repeat) -> dict[str, Any]:
    return {
        "file": _short(repeat.file),
        "of": _short(repeat.of),
        "likeness": round(repeat.likeness, 3),
        "exact": repeat.exact,
        "mirrored": repeat.mirrored,
    }


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
