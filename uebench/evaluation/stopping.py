"""Stopping work at a checkpoint, so that nothing is lost."""

from __future__ import annotations

from uebench.planning.time_limit import UNLIMITED, TimeLimit


class Stopped(BaseException):
    """Work ended at a checkpoint, from which a later run resumes.

    Not an ``Exception``, so that no plugin catches it as an error of its own.
    """


class Stop:
    """A request to end work, by a call of ``ask`` or by the time limit of the run.

    Attributes:
        asked: Whether ``ask`` was called.
    """

    def __init__(self, limit: TimeLimit = UNLIMITED) -> None:
        """Set the time limit of the run."""
        self._limit = limit
        self.asked = False

    def ask(self) -> None:
        """Ask the work to end at its next checkpoint."""
        self.asked = True

    def comes_within(self, seconds: float) -> bool:
        """Return whether the work must end within this number of seconds."""
        return self.asked or self._limit.left < seconds
