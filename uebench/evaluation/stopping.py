"""Stop work at a checkpoint, so that nothing of it is lost."""

from __future__ import annotations

from uebench.planning.time_limit import UNLIMITED, TimeLimit


class Stopped(BaseException):
    """Work ended at a checkpoint, from which a later run resumes.

    Not an ``Exception``, so that no plugin takes it for an error of its own.
    """


class Stop:
    """Whether work is to end: because its time is up, or because somebody asked."""

    def __init__(self, limit: TimeLimit = UNLIMITED) -> None:
        """Take the limit of the run."""
        self._limit = limit
        self.asked = False

    def ask(self) -> None:
        """Let the work end at its next checkpoint."""
        self.asked = True

    def comes_within(self, seconds: float) -> bool:
        """Return whether the work must end before so many seconds have passed."""
        return self.asked or self._limit.left < seconds
