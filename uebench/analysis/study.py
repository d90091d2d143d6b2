"""Evaluate a study from its records: means with intervals, tests against the baseline, ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from uebench.analysis.paired_tests import PairedTest, paired_tests
from uebench.analysis.pairing import Pairing
from uebench.analysis.ranking import Rank, leaders, ranks
from uebench.analysis.selection import agreeing
from uebench.analysis.statistics import Runs
from uebench.grouping import grouped
from uebench.planning.grid import PlannedCell
from uebench.planning.study import StudyPlace, StudyPlan
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import Store


class Gap(NamedTuple):
    """Why a record is missing.

    Attributes:
        status: What became of the cell, in a word or a few.
        reason: Why, or what computes it.
    """

    status: str
    reason: str

    def __str__(self) -> str:
        """Return both as one text."""
        return f"{self.status}: {self.reason}"


NOT_COMPUTED = Gap("not computed yet", "uebench study run")
CONTRADICTING = Gap("damaged", "its record counts other photographs than most records of this data set; delete it")


@dataclass(frozen=True)
class MeasuredPlace:
    """A place of a study's table with its measurement, or with the reason why there is none.

    Attributes:
        place: The place.
        records: The records of its cells, under the study's names; fewer than cells where some are missing.
        clean: The records of the clean reference of the same attacker.
        protections: The records of the protected sets that were attacked, as far as the store holds them.
        gaps: Why records are missing -> number of cells.
        rank: The method's rank against this attacker; None for the clean reference, and for a single method.
        protects: Whether it is shown to protect: a paired test tells it from the clean reference.
        best: Whether it is the best of its column: of the methods that are shown to protect, the first in the order of
            ``analysis.ranking.ranks``.
        as_good: Whether its column has another best, and no method is proven better than this one.
        test: The test of its accuracy minus the baseline's, corrected for all tests of the study (Holm); None without
            a baseline, and for the baseline itself.
    """

    place: StudyPlace
    records: tuple[Record, ...]
    clean: tuple[Record, ...]
    protections: tuple[ProtectionRecord, ...]
    gaps: dict[Gap, int]
    rank: Rank | None = None
    protects: bool = False
    best: bool = False
    as_good: bool = False
    test: PairedTest | None = None

    @cached_property
    def pairing(self) -> Pairing | None:
        """Return its records as a pairing, or None if there are none."""
        names = self.place.method.name, self.place.attacker.name
        return Pairing(*names, self.records, self.clean) if self.records else None


def measure(plan: StudyPlan, store: Store) -> list[MeasuredPlace]:
    """Fill the places of a study from the records of a store.

    Args:
        plan: The study.
        store: The results folder.
    """
    reference = plan.spec.reference
    found = _read(plan, store)
    known = {place.names: (place, *_of_place(place, found)) for place in plan.places}
    sets = _protections(store, (record for _, records, _ in known.values() for record in records))
    measured = []
    for (data, attacker, _), (place, records, gaps) in known.items():
        _, clean, _ = known[data, attacker, reference.name]
        keys = dict.fromkeys(record.protect_key for record in records)
        measured.append(MeasuredPlace(place, records, clean, tuple(sets[key] for key in keys if key in sets), gaps))
    ranked = [_ranked(column, reference.name) for column in columns(measured)]
    return _tested(ranked, plan.spec.baseline, reference.name)


def columns(measured: Iterable[MeasuredPlace]) -> list[list[MeasuredPlace]]:
    """Group places by data set and attacker."""
    return list(grouped(measured, lambda one: (one.place.data.name, one.place.attacker.name)).values())


def _read(plan: StudyPlan, store: Store) -> dict[str, Record | Gap]:
    """Return the record of each cell by its key, or why it is missing."""
    cells = {cell.spec.key: cell for place in plan.places for cell in place.cells}
    stored = {key: record for key in cells if (record := store.cells.read_or_none(key))}
    _, contradicting = agreeing(stored.values())
    left_out = {record.key: CONTRADICTING for record in contradicting}
    return {key: left_out.get(key) or stored.get(key) or _gap(cell, store) for key, cell in cells.items()}


def _of_place(place: StudyPlace, found: Mapping[str, Record | Gap]) -> tuple[tuple[Record, ...], dict[Gap, int]]:
    """Return the records of a place's cells, and the number of cells without one for each reason."""
    of_cells = [found[cell.spec.key] for cell in place.cells]
    records = tuple(_named(one, place) for one in of_cells if isinstance(one, Record))
    return records, dict(Counter(one for one in of_cells if isinstance(one, Gap)))


def _protections(store: Store, records: Iterable[Record]) -> dict[str, ProtectionRecord]:
    """Return the readable records of protected sets by key."""
    sets = {key: store.protections.read_or_none(key) for key in {record.protect_key for record in records}}
    return {key: record for key, record in sets.items() if record}


def _named(record: Record, place: StudyPlace) -> Record:
    """Return a record under the names of the study, so that frames, figures and the page show them."""
    written = {"method": place.method.name, "attacker": place.attacker.name}
    data = record.data.model_copy(update={"name": place.data.name})
    return record.model_copy(update={"written": written, "data": data})


def _gap(cell: PlannedCell, store: Store) -> Gap:
    if cell.reason:
        return Gap(cell.status, cell.reason)
    failure = store.work.read_failure(cell.spec.key) or store.work.read_failure(cell.spec.protect_key)
    return Gap("failed", failure.message) if failure else NOT_COMPUTED


def _ranked(column: Sequence[MeasuredPlace], reference: str) -> list[MeasuredPlace]:
    """Rank the methods of a column, if there are several."""
    runs = {one.place.method.name: one.pairing.runs for one in column if one.pairing}
    clean = runs.pop(reference, None)
    order = ranks(runs) if len(runs) > 1 else {}
    names = [one.place.method.name for one in column]
    column = [replace(one, rank=order.get(name)) for one, name in zip(column, names, strict=True)]
    found = leaders(runs, clean, order) if clean and order else None
    if found is None or found.first not in found.protecting:
        return column
    return [
        replace(one, protects=name in found.protecting, best=name == found.first, as_good=name in found.as_good)
        for one, name in zip(column, names, strict=True)
    ]


def _tested(groups: Sequence[Sequence[MeasuredPlace]], baseline: str, reference: str) -> list[MeasuredPlace]:
    """Test every method but the clean reference against the baseline of its column."""
    pairs: dict[tuple[str, str, str], tuple[Runs, Runs]] = {}
    for column in groups:
        runs = {one.place.names: one.pairing.runs for one in column if one.pairing}
        base = next((own for (*_, method), own in runs.items() if method == baseline), None)
        pairs |= {names: (own, base) for names, own in runs.items() if base and names[-1] not in (baseline, reference)}
    tests = dict(zip(pairs, paired_tests(pairs.values()), strict=True))
    return [replace(one, test=tests.get(one.place.names)) for column in groups for one in column]
