"""Paired comparisons of methods that met the same attacker on the same photographs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from uebench.analysis.choice import selection
from uebench.analysis.leaderboard import Benchmark, benchmarks
from uebench.analysis.paired_tests import PairedTest, paired_tests
from uebench.analysis.pairing import Pairing
from uebench.analysis.runs import runs_of
from uebench.store.record import Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "data": "name of the data set, with digits of its key where two sets of the preset share it",
    "preset": "the preset of the run",
    "attacker": "the attacker with its options and countermeasures as written; of a / of b where these differ",
    "method_a": "a method with its options as written",
    "method_b": "the method that it is compared with",
    "difference": "clean test accuracy after method_a minus after method_b, in points; negative: a protects better",
    "low": "lower end of its 95% interval, in points",
    "high": "upper end of its 95% interval, in points",
    "p": "two-sided p value for no difference; empty if either method has fewer than three method seeds",
    "p_holm": "the same, corrected for the number of p values (Holm)",
    "seeds": "method seeds x attacker seeds that were compared; of method_a / of method_b where these differ",
    "n": "number of clean test images",
    "paired": "whether photographs are paired, which needs records with an answer for each of them",
}
"""The columns of ``frame`` and what they hold."""

Pair = tuple[Benchmark, Pairing, Pairing]
"""Two pairings of a method and an attacker on one data set under one preset."""


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
            "data": self.benchmark.name, "preset": self.benchmark.preset, "attacker": " / ".join(attackers),
            "method_a": self.one.method, "method_b": self.other.method, "difference": 100 * gap.value,
            "low": 100 * gap.low, "high": 100 * gap.high, "p": self.test.p, "p_holm": self.test.p_holm,
            "seeds": " / ".join(seeds), "n": self.one.runs.n,
            "paired": gap.paired,
        }  # fmt: skip


def compare(
    records: Iterable[Record], methods: Sequence[str] = (), attackers: Sequence[str] = (), peak: bool = False
) -> list[Comparison]:
    """Compare every two methods that met the same attacker on the same data set under the same preset.

    Args:
        records: The records.
        methods: The methods to compare, each by its label, or by its name if no label matches; all if empty.
        attackers: The attackers, likewise. An attacker's name includes those of its countermeasures: ``resnet18+jpeg``.
        peak: Whether to compare each run after its best epoch instead of its last.

    Raises:
        UsageError: If there is no record of one of them.
    """
    groups = benchmarks(records)
    is_selected = selection(groups, methods, attackers)
    pairs: list[Pair] = []
    for benchmark in groups:
        for attacker in benchmark.attackers:
            faced = [one for one in benchmark.pairings.values() if one.attacker == attacker and is_selected(one)]
            pairs += [(benchmark, *two) for two in combinations(faced, 2)]
    return tested(pairs, peak)


def tested(pairs: Iterable[Pair], peak: bool) -> list[Comparison]:
    """Test the difference within each pair.

    Args:
        pairs: The pairs. The p values are corrected for their number.
        peak: Whether to compare each run after its best epoch instead of its last.
    """
    pairs = list(pairs)
    runs = [(runs_of(one.records, peak), runs_of(other.records, peak)) for _, one, other in pairs]
    return [Comparison(*pair, test) for pair, test in zip(pairs, paired_tests(runs), strict=True)]


def frame(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """Return one row per comparison with the columns of ``COLUMNS``."""
    import pandas as pd

    return pd.DataFrame([one.document() for one in comparisons], columns=list(COLUMNS))
