"""The files of figures and pages: checked before the work, written after it."""

from __future__ import annotations

import importlib.util
import io
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.store.atomic import write
from uebench.store.record import ProtectionRecord, Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = {".png": "Source", ".svg": "Source", ".pdf": "Keywords"}
"""Suffix -> the field of the file's metadata that names the records behind the figure."""


def check_parquet(file: Path) -> None:
    """Check that a file can be written as Parquet, before any work.

    Raises:
        UsageError: If the package pyarrow is missing.
    """
    if not importlib.util.find_spec("pyarrow"):
        raise UsageError(f"{file}: Parquet needs the package pyarrow; pip install pyarrow, or end the name with .csv")


def check(file: Path, name: str, suffixes: Iterable[str] | None = tuple(FIGURES)) -> None:
    """Check that a file can be written, before hours of work.

    Args:
        file: The file.
        name: The name of the option or argument, for messages.
        suffixes: The allowed suffixes; None for any.

    Raises:
        UsageError: If the suffix is not allowed, or there is a folder of this name.
        StoreError: If there is no folder that it can be written to, or the system cannot have such a name.
    """
    if suffixes is not None and file.suffix.lower() not in suffixes:
        words = " or ".join(", ".join(suffixes).rsplit(", ", 1))
        raise UsageError(f"{name} {file}: end the name with {words}")
    try:
        if stat.S_ISDIR(file.stat().st_mode):
            raise UsageError(f"{name} {file}: is a folder; name a file")
    except FileNotFoundError:
        pass
    except OSError as error:  # such as a name that is too long
        raise StoreError(f"{name} {file}: cannot be written ({in_words(error)})") from None
    if not file.parent.is_dir():
        raise StoreError(f"{name} {file}: there is no folder {file.parent}; create it first")
    if not os.access(file.parent, os.W_OK):
        raise StoreError(f"{name} {file}: the folder {file.parent} cannot be written to; choose another")


def save(figure: Figure, file: Path, name: str, records: Iterable[Record | ProtectionRecord]) -> None:
    """Write a figure as PNG, SVG or PDF, with the marks of its records in the metadata.

    Args:
        figure: The figure.
        file: The file; its suffix chooses the format.
        name: See ``check``.
        records: The records behind the figure.

    Raises:
        StoreError: If the file cannot be written.
    """
    marks = " ".join(sorted({mark(record) for record in records}))
    kind, content = file.suffix.lower(), io.BytesIO()
    figure.savefig(content, format=kind[1:], dpi=150, metadata={FIGURES[kind]: f"uebench {marks}".strip()})
    write(file, content.getvalue(), name)


def mark(record: Record | ProtectionRecord) -> str:
    """Return the mark of a record in figures: the first digits of its key and of the digest of its content.

    The mark shows that a figure was drawn from a record with these counts, options, curve and audit. ``timings`` and
    ``provenance`` do not enter it, because they differ between runs with the same result.
    """
    key = record.key if isinstance(record, Record) else record.protect_key
    content = record.model_dump(mode="json", exclude={"timings", "provenance"}, exclude_defaults=True)
    return f"{key[:12]}-{digest(content)[:12]}"
