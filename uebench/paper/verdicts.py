"""The rules by which measurements are judged. All verdicts of tables and claims come from here.

A protection *holds* if the attacker learned at most ``HELD`` of what there was to learn above chance, and has *failed*
if it learned at least ``FAILED`` of it; ``learned`` returns this share. One time counts as longer than another only if
it is more than ``TIMES`` times as long. Of two accuracies, one counts as lower only if a paired test says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

from uebench.analysis.paired_tests import paired_tests
from uebench.analysis.statistics import ENOUGH, Z, share_learned
from uebench.paper.fill import FilledPlace

HELD = 0.15
FAILED = 0.5
TIMES = 2

NEAR_CHANCE = (
    f"near chance: the attacker learned at most {100 * HELD:.0f}% of what lies between chance and the clean reference, "
    "by the whole 95% intervals of both. Undecided: these hold both answers, or there is no reference, or fewer "
    "than three method seeds"
)


def order_rule(metric: str) -> str:
    """Return the rule by which methods are compared with the paper's order, for readers."""
    rule = "order: each method is paired with each other one under the same condition. "
    if metric == "accuracy":
        return rule + (
            "A pair counts if the two reported numbers differ by more than the choice of photographs explains, with as "
            "many as here. It is decided by a paired test of at least three method seeds of both (5% level, corrected "
            "for all pairs of a column, Holm)"
        )
    if metric == "seconds":
        return rule + (
            f"It is decided if one takes more than {TIMES} times as long as the other, because timings on a shared "
            "machine vary"
        )
    return rule + (
        "It is decided if there are at least three protected sets of both, and all of the one lie above all of "
        "the other"
    )


def near_chance(filled: FilledPlace) -> bool | None:
    """Return whether the attacker learned little; None if nothing was measured, or too little to tell.

    An attacker that learns nothing from clean photographs either says nothing about a protection.
    """
    if filled.interval is None or filled.chance is None or filled.has_few_seeds:
        return None
    ends = learned_between(filled) or (share_learned(filled.interval[0], filled.chance, 100.0), None)
    least, most = ends
    if least is not None and least > HELD:
        return False
    return True if most is not None and most <= HELD else None


def learned(filled: FilledPlace) -> float | None:
    """Return (accuracy - chance) / (clean reference - chance); None without both, or if clean training fails."""
    return None if filled.value is None else share_learned(filled.value, filled.chance, filled.clean)


def learned_between(filled: FilledPlace) -> tuple[float, float] | None:
    """Return the least and the most that was learned, by the 95% intervals of both accuracies.

    Returns:
        None without all that it needs.
    """
    if filled.interval is None:
        return None
    cleans = filled.clean_interval or (filled.clean, filled.clean)
    shares = [share_learned(end, filled.chance, clean) for end, clean in product(filled.interval, cleans)]
    known = [share for share in shares if share is not None]
    return (min(known), max(known)) if len(known) == len(shares) else None


@dataclass(frozen=True, slots=True)
class Order:
    """How the pairs of a method with others compare with the paper's; only pairs that the paper tells apart count."""

    confirmed: int = 0
    reversed: int = 0
    undecided: int = 0

    def __str__(self) -> str:
        """Return the counts in words."""
        if not self.confirmed + self.reversed + self.undecided:
            return "-"
        return f"{self.confirmed} confirmed, {self.reversed} reversed, {self.undecided} undecided"


def orders(places: Iterable[FilledPlace]) -> dict[str, Order]:
    """Compare each method of a table with the others, condition by condition; clean training is not a method.

    Returns:
        The label of each method -> its order.
    """
    columns: dict[tuple[str, str], list[FilledPlace]] = {}
    agreements: dict[str, list[int]] = {}  # for each pair of a method: 1, -1 if it is reversed, 0 if it is undecided
    for filled in places:
        agreements.setdefault(filled.place.label, [])
        if filled.value is not None and filled.reported is not None and filled.place.row != "clean":
            columns.setdefault((filled.place.column, filled.data), []).append(filled)
    for column in columns.values():
        pairs = [pair for pair in combinations(column, 2) if _told_apart(*pair)]
        for (one, other), sign in zip(pairs, signs(pairs), strict=True):
            assert one.reported is not None and other.reported is not None
            agrees = sign if one.reported > other.reported else -sign
            for filled in (one, other):
                agreements[filled.place.label].append(agrees)
    return {label: Order(found.count(1), found.count(-1), found.count(0)) for label, found in agreements.items()}


def _told_apart(one: FilledPlace, other: FilledPlace) -> bool:
    """Return whether the paper reports different values, in accuracies by more than its photographs explain."""
    if one.place.row == other.place.row or one.reported is None or other.reported is None:
        return False
    if one.place.metric != "accuracy":
        return one.reported != other.reported
    shares = (one.reported / 100, other.reported / 100)
    error = math.sqrt(sum(share * (1 - share) for share in shares) / min(one.n, other.n))
    return abs(shares[0] - shares[1]) > Z * error


def signs(pairs: Iterable[tuple[FilledPlace, FilledPlace]]) -> list[int]:
    """Return for each pair -1 or 1 if the first measurement is lower or higher, or 0 if that is undecided."""
    pairs = list(pairs)
    runs = [(one.runs, other.runs) for one, other in pairs if one.runs and other.runs]
    if len(runs) == len(pairs):
        return [test.sign for test in paired_tests(runs)]
    return [_sign(*pair) for pair in pairs]


def _sign(one: FilledPlace, other: FilledPlace) -> int:
    assert one.value is not None and other.value is not None
    if one.of_sets and other.of_sets:
        if min(len(one.of_sets), len(other.of_sets)) < ENOUGH:
            return 0
        return (min(one.of_sets) > max(other.of_sets)) - (max(one.of_sets) < min(other.of_sets))
    times = TIMES if one.place.metric == "seconds" else 1
    return (one.value > times * other.value) - (times * one.value < other.value)
