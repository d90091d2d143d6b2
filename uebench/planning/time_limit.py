"""How long a run may take, and what still fits into it."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass

from uebench.errors import UsageError

_WRITTEN = re.compile(
    r"(?:(?P<hours>\d+(?:\.\d+)?)h)?(?:(?P<minutes>\d+(?:\.\d+)?)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s?)?"
)
_UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}


@dataclass(frozen=True)
class TimeLimit:
    """When a run ends; picklable, and the same in all processes of a machine.

    Attributes:
        seconds: How long the run may take.
        ends: The time of day at which it ends, in seconds as ``time.time`` counts them.
    """

    seconds: float = math.inf
    ends: float = math.inf

    @classmethod
    def of(cls, given: str | float | None) -> TimeLimit:
        """Return the limit of a run that starts now; none if None is given.

        Args:
            given: Seconds, or a text such as ``2h``, ``1h30m``, ``90m`` or ``45s``.

        Raises:
            UsageError: If it is no duration, or none that is longer than 0.
        """
        if given is None:
            return cls()
        match = _WRITTEN.fullmatch(str(given).strip())
        parts = match.groupdict(default="0") if match else {}
        seconds = sum(float(parts[name]) * unit for name, unit in _UNITS.items() if parts)
        if seconds <= 0:
            raise UsageError(f"time_limit {given!r}: not a duration; write 2h, 1h30m, 90m, 45s, or a number of seconds")
        return cls(seconds, time.time() + seconds)

    @property
    def left(self) -> float:
        """Return the seconds until the end; less than 0 after it."""
        return self.ends - time.time()

    @property
    def timeout(self) -> float:
        """Return the same as something that can be waited for."""
        return min(max(self.left, 0.0), threading.TIMEOUT_MAX)

    def allows(self, estimate: float | None) -> bool:
        """Return whether work of so many seconds may still start.

        Work that takes longer than the whole limit may, because it would not start in any run: it is stopped at its
        last checkpoint, and resumes in the next run. So may work of which no time is known.
        """
        left = self.left
        return left > 0 and (estimate is None or estimate <= left or estimate > self.seconds)


UNLIMITED = TimeLimit()
