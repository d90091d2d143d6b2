"""Where figures and pages go: refused before the work, written after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.store.record import ProtectionRecord, Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = {".png": "Source", ".svg": "Source", ".pdf": "Keywords"}
"""Suffix -> the field of the file that says which records it was drawn from."""


def check(file: Path, name: str, suffixes: Iterable[str] | None = tuple(FIGURES)) -> None:
    """Refuse a file that could not be written, before hours of work are spent on it.

    Args:
        file: Where it should go.
        name: What the caller calls it, for the message.
        suffixes: What its name may end with; None for anything.

    Raises:
        UsageError: If the suffix is none of these.
        StoreError: If there is no such folder.
    """
    if suffixes is not None and file.suffix.lower() not in suffixes:
        words = " or ".join(", ".join(suffixes).rsplit(", ", 1))
        raise UsageError(f"{name} {file}: end the name with {words}")
    if not file.parent.is_dir():
        raise StoreError(f"{name} {file}: there is no folder {file.parent}; create it first")


@contextmanager
def writing(file: Path, name: str) -> Iterator[None]:
    """Turn what goes wrong while ``file`` is written into one line.

    Raises:
        StoreError: If the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{name} {file}: cannot be written ({in_words(error)})") from None


def save(figure: Figure, file: Path, name: str, records: Iterable[Record | ProtectionRecord]) -> None:
    """Write a figure; the suffix chooses PNG, SVG or PDF. The file says which records it was drawn from.

    Args:
        figure: What to write.
        file: Where it goes.
        name: What the caller calls the file, for the message.
        records: What the figure was drawn from.

    Raises:
        StoreError: If the file cannot be written.
    """
    drawn_from = " ".join(sorted({mark(record) for record in records}))
    with writing(file, name):
        figure.savefig(file, dpi=150, metadata={FIGURES[file.suffix.lower()]: f"uebench {drawn_from}".strip()})


def mark(record: Record | ProtectionRecord) -> str:
    """Return what a figure calls a record: the heads of its key and of the digest of what it says.

    The mark shows that a figure was drawn from a record with these counts, options, curve and audit. ``timings`` and
    ``provenance`` do not enter it: they differ between two runs that measured the same.
    """
    key = record.key if isinstance(record, Record) else record.protect_key
    content = record.model_dump(mode="json", exclude={"timings", "provenance"}, exclude_defaults=True)
    return f"{key[:12]}-{digest(content)[:12]}"
