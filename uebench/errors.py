"""Every error a user can meet: one line that names the culprit and the remedy, and an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UebenchError(Exception):
    """Base of all expected errors; the message is one line."""

    exit_code = 1


class CellError(UebenchError):
    """A cell could not be computed: a plugin misbehaved or a training diverged."""


class UsageError(UebenchError):
    """The request itself is wrong: an unknown name, an unknown option, a value out of range."""

    exit_code = 2


class DataError(UebenchError):
    """Images or weights are missing or unreadable."""

    exit_code = 3


class StoreError(UebenchError):
    """The results folder cannot be used: unwritable, full or damaged."""

    exit_code = 4


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name ``name`` probably meant, or list them all.

    Args:
        name: What the user typed.
        known: The valid names.

    Returns:
        A phrase such as ``did you mean 'segue'?`` to end an error message with.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def in_words(error: OSError) -> str:
    """Return what the system says of a file, to stand in parentheses: ``permission denied``."""
    return (error.strerror or str(error)).lower()
