"""Paired comparisons of methods that met the same attacker on the same photographs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from uebench.analysis.leaderboard import Benchmark, Pairing, benchmarks
from uebench.analysis.statistics import Difference, difference, holm
from uebench.errors import UsageError, nearest
from uebench.hashing import abbreviated
from uebench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "data": "name of the data set",
    "preset": "the preset that filled in what was not asked for",
    "attacker": "the attacker with its options and countermeasures as written",
    "method_a": "a method with its options as written",
    "method_b": "the method that it is compared with",
    "difference": "clean test accuracy after method_a minus after method_b, in points; negative: a protects better",
    "low": "lower end of its 95% interval, in points",
    "high": "upper end of its 95% interval, in points",
    "p": "two-sided p value of there being no difference",
    "p_holm": "the same, corrected for the number of rows (Holm)",
    "seeds": "method seeds x attacker seeds that were compared; of method_a / of method_b where these differ",
    "n": "number of clean test photographs",
    "paired": "whether photographs are paired: known only where records hold the answer to each",
}
"""The columns of ``frame`` and what they hold."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods against one attacker.

    Attributes:
        benchmark: The data set and the preset.
        one: The first method.
        other: The second.
        difference: Of their accuracies.
        p_holm: Its p value, corrected for the number of comparisons.
    """

    benchmark: Benchmark
    one: Pairing
    other: Pairing
    difference: Difference
    p_holm: float

    def document(self) -> dict[str, object]:
        """Return the values of ``COLUMNS``."""
        found = self.difference
        seeds = dict.fromkeys(found.seeds)
        return {
            "data": self.benchmark.data.name, "preset": self.benchmark.preset, "attacker": self.one.attacker,
            "method_a": self.one.method, "method_b": self.other.method, "difference": 100 * found.value,
            "low": 100 * found.low, "high": 100 * found.high, "p": found.p, "p_holm": self.p_holm,
            "seeds": " / ".join(seeds), "n": self.one.runs.n,
            "paired": bool(self.one.runs.answers and self.other.runs.answers),
        }  # fmt: skip


def compare(records: Iterable[Record], methods: Sequence[str] = (), attackers: Sequence[str] = ()) -> list[Comparison]:
    """Compare every two methods that met the same attacker on the same data set under the same preset.

    Args:
        records: What was measured.
        methods: Only these, each as written, or by name if none is written so; all if none is named.
        attackers: Only these, likewise; the name of an attacker has those of its countermeasures: ``resnet18+jpeg``.

    Raises:
        UsageError: If there is no record of one of them.
    """
    found = benchmarks(records)
    met = [pairing for benchmark in found for pairing in benchmark.pairings.values()]
    chosen_methods = chosen("method", methods, {one.method: one.records[0].method.name for one in met})
    chosen_attackers = chosen("attacker", attackers, {one.attacker: one.attacker_names for one in met})
    pairs = [
        (benchmark, one, other)
        for benchmark in found
        for attacker in benchmark.attackers
        for one, other in combinations([one for one in benchmark.pairings.values() if one.attacker == attacker], 2)
        if attacker in chosen_attackers and {one.method, other.method} <= chosen_methods
    ]
    apart = [difference(one.runs, other.runs) for _, one, other in pairs]
    corrected = holm([one.p for one in apart])
    return [Comparison(*pair, one, p) for pair, one, p in zip(pairs, apart, corrected, strict=True)]


def frame(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """Return one row per comparison with the columns of ``COLUMNS``."""
    import pandas as pd

    return pd.DataFrame([one.document() for one in comparisons], columns=list(COLUMNS))


def chosen(kind: str, wanted: Sequence[str], names: Mapping[str, str]) -> set[str]:
    """Return the labels that a caller wants.

    Args:
        kind: What they name, for the error.
        wanted: Each as written, or by name if none is written so; all if none is named.
        names: The name behind each label.

    Raises:
        UsageError: If there is none of that name.
    """
    labels = set() if wanted else set(names)
    for text in wanted:
        found = {abbreviated(text)} & names.keys() or {label for label, name in names.items() if name == text}
        if not found:
            raise UsageError(f"{kind} {text!r}: no record of it; {nearest(text, {*names, *names.values()})}")
        labels |= found
    return labels
