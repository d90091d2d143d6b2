"""The time limit of a run, and which work still fits into it."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass

from uebench.errors import UsageError

_WRITTEN = re.compile(r"(?:(?P<hours>\d+(?:\.\d+)?)h)?(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?")
_UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}


@dataclass(frozen=True)
class TimeLimit:
    """When a run ends; picklable, and the same in all processes of a machine.

    Attributes:
        seconds: How long the run may take.
        ends: When it ends, in seconds of ``time.time``.
    """

    seconds: float = math.inf
    ends: float = math.inf

    @classmethod
    def of(cls, given: str | float | None) -> TimeLimit:
        """Return the limit of a run that starts now.

        Args:
            given: Seconds, or a text such as ``2h``, ``1h30m``, ``90m`` or ``45s``; None for no limit.

        Raises:
            UsageError: If it is not a duration longer than 0.
        """
        if given is None:
            return cls()
        match = _WRITTEN.fullmatch(str(given).strip())
        parts = match.groupdict(default="0") if match else {}
        try:
            seconds = float(str(given).strip())
        except ValueError:
            seconds = sum(float(parts[name]) * unit for name, unit in _UNITS.items() if parts)
        if not 0 < seconds < math.inf:
            raise UsageError(f"time_limit {given!r}: not a duration; write 2h, 1h30m, 90m, 45s, or a number of seconds")
        return cls(seconds, time.time() + seconds)

    @property
    def left(self) -> float:
        """Return the seconds until the end; negative after it."""
        return self.ends - time.time()

    @property
    def timeout(self) -> float:
        """Return the seconds left as a timeout that ``threading`` accepts: neither negative nor infinite."""
        return min(max(self.left, 0.0), threading.TIMEOUT_MAX)

    def allows(self, estimate: float | None) -> bool:
        """Return whether work of ``estimate`` seconds may still start; None, an unknown time, may.

        Work longer than the whole limit may start, because otherwise no run would ever start it. It stops at its last
        checkpoint before the end and resumes in the next run.
        """
        left = self.left
        return left > 0 and (estimate is None or estimate <= left or estimate > self.seconds)


UNLIMITED = TimeLimit()
