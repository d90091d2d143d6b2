"""The contents of the HTML page for a benchmark, arranged for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from uebench.analysis.leaderboard import Benchmark, Standing
from uebench.analysis.pairing import Pairing
from uebench.analysis.runs import is_clean, seconds
from uebench.plugins.registry import Registry
from uebench.report.caveats import caveats
from uebench.report.figures import strips
from uebench.report.html import charts
from uebench.store.record import Record
from uebench.store.record_parts import Audit
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class MethodView:
    """A row of the table of methods.

    Attributes:
        number: The method's number in the chart of costs; None for the clean reference.
        method: The method's label.
        standing: Its standing; None if it cannot be ranked.
        audit: The audit of its perturbation.
        images: Number of training images.
        seconds: The time to train or load the method and to protect a set, mean over sets; None if unknown.
    """

    number: int | None
    method: str
    standing: Standing | None
    audit: Audit
    images: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class AttackerView:
    """An attacker and the methods that faced it.

    Attributes:
        name: The attacker's label.
        countermeasures: The names of its countermeasures.
        pairings: The clean reference, the methods in the order of their ranks, and those without a rank.
        ranks: Method -> rank, as text.
        best: The method that is proven better than every other; empty if there is none.
        open: Whether the section is open when the page is loaded.
    """

    name: str
    countermeasures: tuple[str, ...]
    pairings: tuple[Pairing, ...]
    ranks: Mapping[str, str]
    best: str
    open: bool

    @property
    def methods(self) -> int:
        """Return the number of methods that faced it, without the clean reference."""
        return sum(not is_clean(pairing.records[0]) for pairing in self.pairings)


@dataclass(frozen=True, slots=True)
class StripView:
    """The image strip of a method, or the reason why several methods have none."""

    methods: tuple[str, ...]
    strip: strips.Strip | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BenchmarkView:
    """A benchmark on the page.

    Attributes:
        benchmark: The benchmark.
        caveats: The caveats of its numbers.
        methods: A row for each method, the clean reference first.
        costs: The chart of costs; None for fewer than two methods.
        columns: The methods of the heat map, the clean reference first: those that faced several attackers.
        attackers: A section for each attacker.
        strips: The image strips, if the photographs may be shown.
        credit: The line to show below them.
    """

    benchmark: Benchmark
    caveats: Sequence[str]
    methods: Sequence[MethodView]
    costs: charts.Costs | None
    columns: Sequence[str]
    attackers: Sequence[AttackerView]
    strips: Sequence[StripView]
    credit: str


def view(benchmark: Benchmark, store: Store, registry: Registry) -> BenchmarkView:
    """Return the view of a benchmark.

    Args:
        benchmark: The benchmark.
        store: The store with the protected sets of the image strips.
        registry: The registry that knows the source of the photographs.
    """
    methods = _methods(benchmark)
    costs = [
        (method.number, method.standing.pairing, method.seconds)
        for method in methods
        if method.number and method.standing and method.standing.pairing and method.seconds is not None
    ]
    paired = [method for method, _ in benchmark.pairings]
    with_several = [method for method in benchmark.methods if paired.count(method) > 1]
    return BenchmarkView(
        benchmark, caveats(benchmark.records), methods, charts.costs(costs), with_several,
        [_attacker(benchmark, name) for name in benchmark.attackers], _strips(benchmark, store, registry),
        strips.credit(benchmark.data.source, registry),
    )  # fmt: skip


def _methods(benchmark: Benchmark) -> list[MethodView]:
    standings = {standing.method: standing for standing in benchmark.leaderboard}
    rows, number = [], 0
    for method in benchmark.methods:
        records = _records(benchmark, method)
        number += not is_clean(records[0])
        rows.append(
            MethodView(
                None if is_clean(records[0]) else number, method, standings.get(method), records[0].audit,
                records[0].data.train_images, seconds(records),
            )
        )  # fmt: skip
    return rows


def _records(benchmark: Benchmark, method: str) -> list[Record]:
    pairings = (pairing for pairing in benchmark.pairings.values() if pairing.method == method)
    return [record for pairing in pairings for record in pairing.records]


def _attacker(benchmark: Benchmark, name: str) -> AttackerView:
    pairings = tuple(benchmark.against(name))
    ranks = {method: str(rank).replace("-", "\N{EN DASH}") for method, rank in benchmark.ranks.get(name, {}).items()}
    best = benchmark.proven_best(name)
    return AttackerView(name, pairings[0].countermeasures, pairings, ranks, best, name == benchmark.common_attacker)


def _strips(benchmark: Benchmark, store: Store, registry: Registry) -> list[StripView]:
    """Return the strips of methods, and then the reasons why other methods have none; none for other faces."""
    if not strips.credit(benchmark.data.source, registry):
        return []
    views: list[StripView] = []
    missing: dict[str, list[str]] = {}
    for method in benchmark.methods:
        record = _records(benchmark, method)[0]
        if is_clean(record):
            continue
        strip = strips.stored(store, record, registry)
        if isinstance(strip, str):
            missing.setdefault(strip, []).append(method)
        else:
            views.append(StripView((method,), strip))
    return views + [StripView(tuple(methods), None, reason) for reason, methods in missing.items()]
