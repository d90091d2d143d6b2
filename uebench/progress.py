"""Callbacks that report the progress of long work."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

Progress = Callable[[int, int, str], None]
"""Called with the steps done, their total number, and a description of the work."""

ProgressFor = Callable[[str], Progress]
"""Called with the title of a piece of work when it starts; returns the callback for its progress."""


class OutputClosed(BaseException):
    """The reader of the output has closed it.

    Not an ``Exception``, so that no plugin catches it as an error of its own.
    """


def guarded(progress: Progress) -> Progress:
    """Return ``progress``, but raising ``OutputClosed`` for a broken pipe: the reported work has not failed."""

    def show(done: int, total: int, what: str) -> None:
        try:
            progress(done, total, what)
        except BrokenPipeError:
            raise OutputClosed from None

    return show


def both(first: Progress, second: Progress) -> Progress:
    """Return a callback that calls two others."""

    def show(done: int, total: int, what: str) -> None:
        first(done, total, what)
        second(done, total, what)

    return show


def numbered(progress: ProgressFor, total: int) -> ProgressFor:
    """Return ``progress`` with the number of each piece of work before its title, as in ``[3/56] orl: lsp``."""
    numbers = count(1)
    return progress if total < 2 else lambda title: progress(f"[{next(numbers)}/{total}] {title}")


def no_progress(done: int, total: int, what: str) -> None:
    """Show nothing."""


def silent(_: str) -> Progress:
    """Return a callback that shows nothing."""
    return no_progress
