"""Two ways of doing the same work, timed alternately, so that a machine that slows down slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table.

    Attributes:
        what: What is compared, in words.
        ours: Median seconds of this project's way.
        theirs: Median seconds of the other way.
        ratio: Median over the pairs of theirs / ours: above one, ours is faster.
        low: Smallest ratio of a pair.
        high: Largest ratio of a pair.
        pairs: How many pairs.
        target: The ratio aimed at, if any.
        remark: What a reader should know.
    """

    what: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    pairs: int
    target: float | None = None
    remark: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return asdict(self)


def compare(
    what: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int = 5,
    target: float | None = None,
    remark: str = "",
) -> Comparison:
    """Time two functions in turn, A B A B ..., after one uncounted call of each.

    Args:
        what: What is compared, in words.
        ours: This project's way.
        theirs: The other way, doing the same work.
        pairs: Counted pairs.
        target: The ratio aimed at.
        remark: What a reader should know.
    """
    ours(), theirs()
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(pairs)]
    ratios = [other / own for own, other in times]
    return Comparison(
        what,
        statistics.median(own for own, _ in times),
        statistics.median(other for _, other in times),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        pairs,
        target,
        remark,
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
