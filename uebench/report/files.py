"""Where figures and pages go: refused before the work, written after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.errors import StoreError, UsageError, in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".png", ".svg", ".pdf")


def check(file: Path, option: str, suffixes: tuple[str, ...] = FIGURES) -> None:
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


def save(figure: Figure, file: Path, option: str) -> None:
    """Write a figure; the suffix chooses PNG, SVG or PDF.

    Raises:
        StoreError: If the file cannot be written.
    """
    with writing(file, option):
        figure.savefig(file, dpi=150)
