"""Where figures and pages go: refused before the work, written after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import digest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = {".png": "Source", ".svg": "Source", ".pdf": "Keywords"}
"""Suffix -> the field of the file that says which records it was drawn from."""


def check(file: Path, option: str, suffixes: Iterable[str] = tuple(FIGURES)) -> None:
    """Refuse a file that could not be written, before hours of work are spent on it.

    Args:
        file: Where it should go.
        option: The option that named it, for the message.
        suffixes: What its name may end with.

    Raises:
        UsageError: If the suffix is none of these.
        StoreError: If there is no such folder.
    """
    if file.suffix.lower() not in suffixes:
        words = " or ".join(", ".join(suffixes).rsplit(", ", 1))
        raise UsageError(f"{option} {file}: end the name with {words}")
    if not file.parent.is_dir():
        raise StoreError(f"{option} {file}: no folder {file.parent}; make it first")


@contextmanager
def writing(file: Path, option: str) -> Iterator[None]:
    """Turn what goes wrong while ``file`` is written into one line.

    Raises:
        StoreError: If the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{option} {file}: cannot be written ({in_words(error)})") from None


def save(figure: Figure, file: Path, option: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Write a figure; the suffix chooses PNG, SVG or PDF. The file says which records it was drawn from.

    Raises:
        StoreError: If the file cannot be written.
    """
    drawn_from = " ".join(sorted({mark(record) for record in records}))
    with writing(file, option):
        figure.savefig(file, dpi=150, metadata={FIGURES[file.suffix.lower()]: f"uebench {drawn_from}".strip()})


def mark(record: Mapping[str, Any]) -> str:
    """Return what a figure calls the record of a cell or of a protected set: the heads of its key and its digest."""
    return f"{record.get('key', record['protect_key'])[:12]}-{digest(record)[:12]}"
