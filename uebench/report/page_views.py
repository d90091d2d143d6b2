"""What the HTML page shows of a benchmark, before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from uebench.analysis.leaderboard import Benchmark, Pairing, Standing
from uebench.analysis.records import is_clean
from uebench.report import charts, strips
from uebench.report.caveats import caveats
from uebench.store.record import Record
from uebench.store.record_parts import Audit
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class MethodView:
    """A line of the table of methods.

    Attributes:
        number: Its number in the chart of costs; None of the clean reference.
        method: Its label.
        standing: How it ranks, None if it cannot be ranked.
        audit: What its perturbation is.
        images: How many training images there are.
        fit_seconds: What it took to train or load it, mean over records.
        protect_seconds: What it took to protect the set.
    """

    number: int | None
    method: str
    standing: Standing | None
    audit: Audit
    images: int
    fit_seconds: float
    protect_seconds: float


@dataclass(frozen=True, slots=True)
class AttackerView:
    """An attacker and who met it.

    Attributes:
        name: Its label.
        countermeasures: Their names.
        pairings: The clean reference, the methods as they rank, and those that have no rank.
        ranks: Of the methods, as texts.
        first: The method that stands first; empty if there are not several.
        open: Whether the page shows it at once.
    """

    name: str
    countermeasures: tuple[str, ...]
    pairings: tuple[Pairing, ...]
    ranks: Mapping[str, str]
    first: str
    open: bool

    @property
    def methods(self) -> int:
        """Return how many methods met it, without the clean reference."""
        return sum(not is_clean(one.records[0]) for one in self.pairings)


@dataclass(frozen=True, slots=True)
class StripView:
    """The photographs of a method, or the reason why there are none."""

    methods: tuple[str, ...]
    strip: strips.Strip | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A benchmark on the page.

    Attributes:
        benchmark: What it shows.
        caveats: What must be said of its numbers.
        methods: A line for each method, the clean reference first.
        costs: Their costs against what they protect.
        columns: The methods of the matrix, the clean reference first: those that met several attackers.
        attackers: A part for each attacker.
        strips: Photographs, where they may be shown.
    """

    benchmark: Benchmark
    caveats: Sequence[str]
    methods: Sequence[MethodView]
    costs: charts.Costs | None
    columns: Sequence[str]
    attackers: Sequence[AttackerView]
    strips: Sequence[StripView]


def view(benchmark: Benchmark, store: Store) -> View:
    """Arrange a benchmark.

    Args:
        benchmark: What to show.
        store: Where protected sets are looked for, for the image strips.
    """
    methods = _methods(benchmark)
    placed = [
        (one.number, one.standing.pairing, one.fit_seconds + one.protect_seconds)
        for one in methods
        if one.number and one.standing and one.standing.pairing
    ]
    met = [method for method, _ in benchmark.pairings]
    several = [method for method in benchmark.methods if met.count(method) > 1]
    return View(
        benchmark, caveats(benchmark.records), methods, charts.costs(placed), several,
        [_attacker(benchmark, name) for name in benchmark.attackers], _strips(benchmark, store),
    )  # fmt: skip


def _methods(benchmark: Benchmark) -> list[MethodView]:
    standings = {one.method: one for one in benchmark.leaderboard}
    lines, number = [], 0
    for method in benchmark.methods:
        records = _records(benchmark, method)
        number += not is_clean(records[0])
        fit, protect = (
            fmean(getattr(record.timings, name) for record in records) for name in ("fit_seconds", "protect_seconds")
        )
        lines.append(
            MethodView(
                None if is_clean(records[0]) else number, method, standings.get(method), records[0].audit,
                records[0].data.train_images, fit, protect,
            )
        )  # fmt: skip
    return lines


def _records(benchmark: Benchmark, method: str) -> list[Record]:
    found = (one for one in benchmark.pairings.values() if one.method == method)
    return [record for one in found for record in one.records]


def _attacker(benchmark: Benchmark, name: str) -> AttackerView:
    pairings = tuple(benchmark.against(name))
    ranks = {method: str(rank).replace("-", "\N{EN DASH}") for method, rank in benchmark.ranks.get(name, {}).items()}
    first = next(iter(ranks)) if len(ranks) > 1 else ""
    return AttackerView(name, pairings[0].countermeasures, pairings, ranks, first, name == benchmark.common_attacker)


def _strips(benchmark: Benchmark, store: Store) -> list[StripView]:
    """Return the strips of methods whose faces may be shown; methods that lack one for the same reason are together."""
    if benchmark.data.source not in strips.REDISTRIBUTABLE:
        return []
    shown: list[StripView] = []
    missing: dict[str, list[str]] = {}
    for method in benchmark.methods:
        record = _records(benchmark, method)[0]
        if is_clean(record):
            continue
        made = strips.stored(store, record)
        if isinstance(made, str):
            missing.setdefault(made, []).append(method)
        else:
            shown.append(StripView((method,), made))
    return shown + [StripView(tuple(methods), None, reason) for reason, methods in missing.items()]
