"""Paired comparisons: of methods that met the same attacker on the same photographs, or of the values of an option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from uebench.analysis.leaderboard import Benchmark, Pairing, benchmarks
from uebench.analysis.paired_tests import PairedTest, paired_tests
from uebench.analysis.records import runs_of
from uebench.errors import UsageError, nearest
from uebench.hashing import abbreviated, canonical
from uebench.planning.identity import AttackerIdentity, MethodIdentity, plugins_of
from uebench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "data": "name of the data set",
    "preset": "the preset of the run",
    "attacker": "the attacker with its options and countermeasures as written; of a / of b where these differ",
    "method_a": "a method with its options as written",
    "method_b": "the method that it is compared with",
    "difference": "clean test accuracy after method_a minus after method_b, in points; negative: a protects better",
    "low": "lower end of its 95% interval, in points",
    "high": "upper end of its 95% interval, in points",
    "p": "two-sided p value for no difference; empty if either method has a single run",
    "p_holm": "the same, corrected for the number of p values (Holm)",
    "seeds": "method seeds x attacker seeds that were compared; of method_a / of method_b where these differ",
    "n": "number of clean test images",
    "paired": "whether photographs are paired, which needs records with an answer for each of them",
}
"""The columns of ``frame`` and what they hold."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods against one attacker.

    Attributes:
        benchmark: The data set and the preset.
        one: The first method.
        other: The second.
        test: The test of the difference of their accuracies.
    """

    benchmark: Benchmark
    one: Pairing
    other: Pairing
    test: PairedTest

    def document(self) -> dict[str, object]:
        """Return the values of ``COLUMNS``."""
        gap = self.test.difference
        seeds, attackers = dict.fromkeys(gap.seeds), dict.fromkeys((self.one.attacker, self.other.attacker))
        return {
            "data": self.benchmark.data.name, "preset": self.benchmark.preset, "attacker": " / ".join(attackers),
            "method_a": self.one.method, "method_b": self.other.method, "difference": 100 * gap.value,
            "low": 100 * gap.low, "high": 100 * gap.high, "p": self.test.p, "p_holm": self.test.p_holm,
            "seeds": " / ".join(seeds), "n": self.one.runs.n,
            "paired": gap.paired,
        }  # fmt: skip


def compare(
    records: Iterable[Record],
    methods: Sequence[str] = (),
    attackers: Sequence[str] = (),
    peak: bool = False,
    across: str = "",
) -> list[Comparison]:
    """Compare every two methods that met the same attacker on the same data set under the same preset.

    Args:
        records: The records.
        methods: The methods to compare, each by its label, or by its name if no label matches; all if empty.
        attackers: The attackers, likewise. An attacker's name includes those of its countermeasures: ``resnet18+jpeg``.
        peak: Whether to compare each run after its best epoch instead of its last.
        across: Name of an option, to compare its values instead: every two pairs of a method and an attacker that have
            other values of this option and are otherwise the same.

    Raises:
        UsageError: If there is no record of one of them, or no record with this option.
    """
    groups = benchmarks(records)
    pairings = [pairing for benchmark in groups for pairing in benchmark.pairings.values()]
    names = {one.method: one.records[0].method.name for one in pairings}
    chosen_methods = chosen("method", methods, names, all_of_a_name=bool(across))
    names = {one.attacker: one.attacker_names for one in pairings}
    chosen_attackers = chosen("attacker", attackers, names, all_of_a_name=bool(across))
    if across:
        known = {option for pairing in pairings for one in _options(pairing) for option in one}
        if across not in known:
            raise UsageError(f"across {across!r}: no record has this option; {nearest(across, known)}")
    pairs: list[tuple[Benchmark, Pairing, Pairing]] = []
    for benchmark in groups:
        order = {attacker: place for place, attacker in enumerate(benchmark.attackers)}
        faced = [one for one in benchmark.pairings.values() if one.attacker in chosen_attackers]
        alike: dict[str, list[Pairing]] = {}
        for pairing in sorted(faced, key=lambda one: (_values(one, across) if across else (), order[one.attacker])):
            if pairing.method in chosen_methods:
                alike.setdefault(_all_but(pairing, across) if across else pairing.attacker, []).append(pairing)
        compared = [(benchmark, *two) for group in alike.values() for two in combinations(group, 2)]
        pairs += sorted(compared, key=lambda pair: (order[pair[1].attacker], order[pair[2].attacker]))
    if across:
        pairs = [(where, *both) for where, *two in pairs if (both := _of_common_sets(*two))]
    runs = [(runs_of(one.records, peak), runs_of(other.records, peak)) for _, one, other in pairs]
    return [Comparison(*pair, test) for pair, test in zip(pairs, paired_tests(runs), strict=True)]


def _of_common_sets(one: Pairing, other: Pairing) -> tuple[Pairing, Pairing] | None:
    """Return two pairings with those method seeds alone that both have, or None if they have none in common."""
    seeds = {record.method_seed for record in one.records} & {record.method_seed for record in other.records}
    if not seeds:
        return None
    kept = [tuple(run for run in pairing.records if run.method_seed in seeds) for pairing in (one, other)]
    return replace(one, records=kept[0]), replace(other, records=kept[1])


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


def frame(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """Return one row per comparison with the columns of ``COLUMNS``."""
    import pandas as pd

    return pd.DataFrame([one.document() for one in comparisons], columns=list(COLUMNS))


def chosen(kind: str, wanted: Sequence[str], names: Mapping[str, str], *, all_of_a_name: bool = False) -> set[str]:
    """Return the labels that a caller selects.

    Args:
        kind: ``method`` or ``attacker``, for the error.
        wanted: Each a label, or a name if no label matches; all labels if empty.
        names: The name behind each label.
        all_of_a_name: Whether a name selects all labels of that name, even if one of them is just this name.

    Raises:
        UsageError: If there is none of that name.
    """
    labels = set() if wanted else set(names)
    for text in wanted:
        written, named = {abbreviated(text)} & names.keys(), {label for label, name in names.items() if name == text}
        matches = written | named if all_of_a_name else written or named
        if not matches:
            raise UsageError(f"{kind} {text!r}: no record of it; {nearest(text, {*names, *names.values()})}")
        labels |= matches
    return labels
