"""The errors that users see: a one-line message that names the culprit and the remedy, and an exit code."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UebenchError(Exception):
    """Base class of all expected errors; the message is one line."""

    exit_code = 1


class CellError(UebenchError):
    """A cell could not be computed: a plugin misbehaved or the training diverged."""


class UsageError(UebenchError):
    """The request itself is wrong: an unknown name, an unknown option, a value out of range."""

    exit_code = 2


class PluginError(UsageError):
    """A plugin breaks its contract before any work starts."""


class DataError(UebenchError):
    """Images or weights are missing or unreadable."""

    exit_code = 3


class StoreError(UebenchError):
    """The results folder cannot be used: unwritable, full or damaged."""

    exit_code = 4


def text_of(given: object, what: str) -> str:
    """Return a caller's text.

    Args:
        given: The text.
        what: What it is, for the message.

    Raises:
        UsageError: If it is no text.
    """
    if not isinstance(given, str):
        raise UsageError(f"{what}: {given!r} given; give a text")
    return given


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown name.

    Args:
        name: The name that the user typed.
        known: The valid names.

    Returns:
        The most similar valid name, as in ``did you mean 'segue'?``, or all valid names if none is similar.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names) if name.strip("0123456789") else []  # 11 is no slip of 1
    swapped = [one for one in close if sorted(one) == sorted(name)]
    return f"did you mean {(swapped or close)[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 cell`` or ``2 cells``.

    Args:
        count: The number.
        noun: The noun for one.
        plural: The noun for any other number; empty for ``noun`` with an ``s``.
    """
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def in_words(error: OSError) -> str:
    """Return the system's reason in lower case, such as ``permission denied``, for use in parentheses."""
    return (error.strerror or str(error)).lower()


@contextmanager
def reading(what: object, remedy: str = "") -> Iterator[None]:
    """Turn an error of the system inside the ``with`` block into a ``DataError`` about what is being read.

    Args:
        what: The file or folder, as the message names it.
        remedy: The end of the message; empty for none.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{what}: cannot be read ({in_words(error)})" + (f"; {remedy}" if remedy else "")) from None


def line_of(error: BaseException, sources: Collection[str] | None = None) -> str:
    """Return the innermost line of some files in the traceback of an error, such as ``segue.py:43``, or nothing.

    Args:
        error: The error.
        sources: The files; None for any file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if sources is None or frame.filename in sources]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
