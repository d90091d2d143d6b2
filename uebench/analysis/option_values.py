"""Paired comparisons of the values of an option, with everything else the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from uebench.analysis.choice import selection
from uebench.analysis.comparison import Comparison, Pair, compare, tested
from uebench.analysis.leaderboard import benchmarks
from uebench.analysis.pairing import Pairing
from uebench.errors import UsageError, nearest
from uebench.grouping import grouped
from uebench.hashing import canonical
from uebench.planning.identity import AttackerIdentity, MethodIdentity, plugins_of
from uebench.store.record import Record


def comparisons(
    records: Iterable[Record], methods: Sequence[str], attackers: Sequence[str], peak: bool, across: str
) -> list[Comparison]:
    """Compare the values of an option; methods if ``across`` is empty. See ``compare_across`` and ``compare``."""
    chosen = (records, methods, attackers, peak)
    return compare_across(across, *chosen) if across else compare(*chosen)


def compare_across(
    option: str,
    records: Iterable[Record],
    methods: Sequence[str] = (),
    attackers: Sequence[str] = (),
    peak: bool = False,
) -> list[Comparison]:
    """Compare the values of an option of methods, of attackers or of both.

    Two pairs of a method and an attacker are compared if they have other values of this option and are otherwise the
    same, on the same data set under the same preset. Only method seeds count that both have.

    Args:
        option: The option's name, such as ``precision``.
        records: The records.
        methods: The methods to compare, each by its label, or by its name, which stands for all its labels; all if
            empty.
        attackers: The attackers, likewise. An attacker's name includes those of its countermeasures: ``resnet18+jpeg``.
        peak: Whether to compare each run after its best epoch instead of its last.

    Raises:
        UsageError: If there is no record of one of them, or no record with this option.
    """
    groups = benchmarks(records)
    is_selected = selection(groups, methods, attackers, all_of_a_name=True)
    known = {name for benchmark in groups for pairing in benchmark.pairings.values() for name in _names(pairing)}
    if option not in known:
        raise UsageError(f"across {option!r}: no record has this option; {nearest(option, known)}")
    pairs: list[Pair] = []
    for benchmark in groups:
        order = {attacker: place for place, attacker in enumerate(benchmark.attackers)}
        selected = [one for one in benchmark.pairings.values() if is_selected(one)]
        selected.sort(key=lambda one: (_values(one, option), order[one.attacker]))
        alike = grouped(selected, lambda one: _all_but(one, option))
        twos = [two for group in alike.values() for two in combinations(group, 2)]
        found = [(benchmark, *both) for two in twos if (both := _of_common_sets(*two))]
        pairs += sorted(found, key=lambda pair: (order[pair[1].attacker], order[pair[2].attacker]))
    return tested(pairs, peak)


def _of_common_sets(one: Pairing, other: Pairing) -> tuple[Pairing, Pairing] | None:
    """Return two pairings with those method seeds alone that both have, or None if they have none in common."""
    seeds = {record.method_seed for record in one.records} & {record.method_seed for record in other.records}
    if not seeds:
        return None
    kept = [tuple(run for run in pairing.records if run.method_seed in seeds) for pairing in (one, other)]
    return replace(one, records=kept[0]), replace(other, records=kept[1])


def _names(pairing: Pairing) -> set[str]:
    """Return the names of all options of the method, the attacker and the countermeasures."""
    return {name for one in _options(pairing) for name in one}


def _values(pairing: Pairing, option: str) -> tuple[str, ...]:
    """Return the values of an option; empty texts where it has its default or there is none."""
    return tuple(str(one.get(option) or "") for one in _options(pairing))


def _options(pairing: Pairing) -> list[dict[str, Any]]:
    """Return the options of the method, with its side information, of the attacker and of each countermeasure."""
    first = pairing.records[0]
    method, *chain = (dict(part.config) for _, part in plugins_of(first))
    return [method | dict(MethodIdentity.of(first).side_information), *chain]


def _all_but(pairing: Pairing, option: str) -> str:
    """Return a text that two pairings share if they are the same except for an option."""
    first = pairing.records[0]
    plugins = [[kind, part.name, part.version] for kind, part in plugins_of(first)]
    options = [{name: value for name, value in one.items() if name != option} for one in _options(pairing)]
    weights = (*MethodIdentity.of(first).weights, *AttackerIdentity.of(first).weights)
    return canonical([plugins, options, [sha256 for _, sha256 in weights] if option != "weights" else []])
