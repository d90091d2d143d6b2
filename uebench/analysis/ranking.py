"""Ranks of methods against one attacker, as far as paired tests tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from uebench.analysis.paired_tests import paired_tests
from uebench.analysis.statistics import Runs


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """The range of ranks that a method may have; a method that is not tested may have any.

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


@dataclass(frozen=True, slots=True)
class Leaders:
    """The best methods against one attacker.

    Attributes:
        protecting: Those after which the attacker is proven to recognise less than without protection.
        first: The first of these in the order of ranks; without any, the first method.
        as_good: All others that no method is proven better than.
    """

    protecting: frozenset[str]
    first: str
    as_good: tuple[str, ...]


def leaders(methods: Mapping[str, Runs], clean: Runs, order: Mapping[str, Rank]) -> Leaders:
    """Return the best methods.

    The tests are those of ``ranks``, against the clean reference, and corrected for the number of methods.

    Args:
        methods: See ``ranks``.
        clean: The runs of the same attacker on unprotected photographs.
        order: What ``ranks`` returned for ``methods``.
    """
    tests = paired_tests((runs, clean) for runs in methods.values())
    protecting = frozenset(name for name, test in zip(methods, tests, strict=True) if test.sign < 0)
    first = next((name for name in order if name in protecting), next(iter(order)))
    return Leaders(protecting, first, tuple(name for name in order if order[name].first == 1 and name != first))


def ranks(methods: Mapping[str, Runs]) -> dict[str, Rank]:
    """Rank methods by the attacker's accuracy; less is better.

    Methods that can be tested come first, in the order of their ranks. Those with the same rank are ordered by their
    number of runs, most first, and then by mean accuracy.

    Args:
        methods: The runs of each against the same attacker on the same photographs.

    Returns:
        The methods in their order.
    """
    pairs = list(combinations(methods, 2))
    tests = paired_tests((methods[one], methods[other]) for one, other in pairs)
    better = {
        (one, other) if test.sign < 0 else (other, one)
        for (one, other), test in zip(pairs, tests, strict=True)
        if test.sign
    }
    beaten_by = {name: sum((other, name) in better for other in methods) for name in methods}
    beats = {name: sum((name, other) in better for other in methods) for name in methods}
    found = {name: Rank(1 + beaten_by[name], len(methods) - beats[name]) for name in methods}

    def place(name: str) -> tuple[bool, Rank, int, float]:
        runs = methods[name]
        return not runs.can_be_tested, found[name], -len(runs.shares), runs.mean

    return {name: found[name] for name in sorted(methods, key=place)}
