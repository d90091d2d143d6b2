"""Ranks of methods against one attacker, as far as paired tests tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from uebench.analysis.statistics import Runs, difference, holm, spread

ALPHA = 0.05
"""The largest acceptable probability of any wrong order among all pairs."""


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """The range of ranks that a method may have.

    With Holm's correction over all pairs, these ranges hold for all methods at once (Mogstad, Romano, Shaikh and
    Wilhelm 2024, Inference for Ranks).

    Attributes:
        first: 1 plus the number of methods that are proven better.
        last: The number of methods minus those that are proven worse.
    """

    first: int
    last: int

    def __str__(self) -> str:
        """Return ``2``, or ``1-3`` for a range."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def shown_to_protect(methods: Mapping[str, Runs], clean: Runs) -> set[str]:
    """Return the methods after which the attacker is proven to recognise less than without protection.

    The tests are those of ``ranks``, against the clean reference, and corrected for the number of methods.

    Args:
        methods: See ``ranks``.
        clean: The runs of the same attacker on unprotected photographs.
    """
    usual = spread(methods.values())
    gaps = [difference(runs, clean, usual) for runs in methods.values()]
    corrected = holm([gap.p for gap in gaps])
    return {name for name, gap, p in zip(methods, gaps, corrected, strict=True) if p < ALPHA and gap.value < 0}


def ranks(methods: Mapping[str, Runs]) -> dict[str, Rank]:
    """Rank methods by the attacker's accuracy; less is better.

    A method with a single run is assumed to vary over seeds as much as the methods with several runs do.

    Methods are ordered by rank. Those with the same rank are ordered by their number of runs, most first, and then by
    mean accuracy.

    Args:
        methods: The runs of each against the same attacker on the same photographs.

    Returns:
        The methods in their order.
    """
    pairs = list(combinations(methods, 2))
    usual = spread(methods.values())
    gaps = [difference(methods[one], methods[other], usual) for one, other in pairs]
    better: set[tuple[str, str]] = set()
    for (one, other), gap, p in zip(pairs, gaps, holm([gap.p for gap in gaps]), strict=True):
        if p < ALPHA:
            better.add((one, other) if gap.value < 0 else (other, one))
    beaten_by = {name: sum((other, name) in better for other in methods) for name in methods}
    beats = {name: sum((name, other) in better for other in methods) for name in methods}
    found = {name: Rank(1 + beaten_by[name], len(methods) - beats[name]) for name in methods}

    def place(name: str) -> tuple[Rank, int, float]:
        return found[name], -len(methods[name].shares), methods[name].mean

    return {name: found[name] for name in sorted(methods, key=place)}
