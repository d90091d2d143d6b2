"""Where the progress of long work goes."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what)."""

ProgressFor = Callable[[str], Progress]
"""Called with the title of a piece of work that starts; returns where its progress goes."""


class OutputClosed(BaseException):
    """Nobody reads the output any more. Not an ``Exception``, so that no plugin takes it for an error of its own."""


def guarded(progress: Progress) -> Progress:
    """Return ``progress``, whose broken pipe becomes ``OutputClosed``: it is no error of the work that is shown."""

    def show(done: int, total: int, what: str) -> None:
        try:
            progress(done, total, what)
        except BrokenPipeError:
            raise OutputClosed from None

    return show


def both(one: Progress, other: Progress) -> Progress:
    """Return a progress that goes to two places."""

    def show(done: int, total: int, what: str) -> None:
        one(done, total, what)
        other(done, total, what)

    return show


def silent(_: str) -> Progress:
    """Show nothing."""
    return _nothing


def _nothing(done: int, total: int, what: str) -> None:
    pass
