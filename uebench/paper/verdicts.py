"""The rules by which measurements are judged. All verdicts of tables and claims come from here.

A protection *holds* if the attacker learned at most ``HELD`` of what there was to learn above chance, and has *failed*
if it learned at least ``FAILED`` of it; ``learned`` returns this share. One time counts as longer than another only if
it is more than ``TIMES`` times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

from uebench.paper.fill import FilledPlace

HELD = 0.15
FAILED = 0.5
TIMES = 2

AT_CHANCE = (
    "at chance: the 95% interval holds chance; undecided where it also holds more than "
    f"{100 * HELD:.0f}% of what lies between chance and the clean reference, or where there is no such reference"
)
UNDECIDED: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "the intervals meet",
        "seconds": f"neither takes more than {TIMES} times as long, because timings on a shared machine vary",
    }
)
"""Metric -> when a pair of methods is undecided. All others have no interval, and any difference counts."""


def order_rule(metric: str) -> str:
    """Return the rule by which methods are compared with the paper's order, for readers."""
    undecided = UNDECIDED.get(metric, "both values are equal; they have no interval")
    return (
        "order: this method is paired with each other one under the same condition. A pair agrees with the paper, "
        f"contradicts it, or is undecided where {undecided}. The order holds where decided if some "
        "pairs agree and none contradicts"
    )


def at_chance(filled: FilledPlace) -> bool | None:
    """Return whether chance lies within the interval; None if nothing was measured, or too little to tell.

    An attacker that learns nothing from clean photographs either says nothing about a protection.
    """
    if filled.interval is None or filled.chance is None:
        return None
    low, high = filled.interval
    if not low <= filled.chance <= high:
        return False
    most = _share(high, filled)
    return True if most is not None and most <= HELD else None


def learned(filled: FilledPlace) -> float | None:
    """Return (accuracy - chance) / (clean reference - chance); None without both, or if clean training fails."""
    return None if filled.value is None else _share(filled.value, filled)


def learned_between(filled: FilledPlace) -> tuple[float, float] | None:
    """Return ``learned`` at both ends of the 95% interval; None without all that it needs."""
    if filled.interval is None:
        return None
    low, high = (_share(end, filled) for end in filled.interval)
    return None if low is None or high is None else (low, high)


def _share(accuracy: float, filled: FilledPlace) -> float | None:
    if filled.chance is None or filled.clean is None or filled.clean <= filled.chance:
        return None
    return (accuracy - filled.chance) / (filled.clean - filled.chance)


def apart(one: FilledPlace, other: FilledPlace) -> int:
    """Return -1 or 1 where ``one`` lies wholly below or above ``other``, intervals included, else 0."""
    assert one.interval and other.interval
    times = TIMES if one.place.metric == "seconds" else 1
    return (one.interval[0] > times * other.interval[1]) - (times * one.interval[1] < other.interval[0])


@dataclass(frozen=True, slots=True)
class Order:
    """How the pairs of a row compare with the paper's."""

    agree: int
    against: int
    undecided: int

    @property
    def verdict(self) -> str:
        """Return the verdict in words."""
        if self.against:
            return "does not hold"
        if self.agree:
            return "holds where decided" if self.undecided else "holds"
        return "undecided" if self.undecided else "not yet measured"


def order(label: str, places: Iterable[FilledPlace]) -> Order:
    """Compare one method with the others of a table, condition by condition; clean training is not a method."""
    places = [e for e in places if e.interval and e.reported is not None and e.place.row != "clean"]
    mine = [filled for filled in places if filled.place.label == label]
    signs = []
    for one, other in product(mine, places):
        same = one.place.column == other.place.column and one.data == other.data
        if not same or other.place.row == one.place.row or one.reported == other.reported:
            continue
        assert one.reported is not None and other.reported is not None
        signs.append(apart(one, other) * (1 if one.reported > other.reported else -1))
    return Order(signs.count(1), signs.count(-1), signs.count(0))
