"""Fill the places of the paper's tables from records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from uebench.analysis.pairing import Pairing
from uebench.analysis.runs import Identity, chance
from uebench.analysis.statistics import Runs
from uebench.paper.match import RecordIndex, Roles
from uebench.paper.place import ROLES, Table, TablePlace
from uebench.paper.reported import reported
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledPlace:
    """A place of a table with its measurement, or with the reason why there is none.

    Attributes:
        place: The place.
        data: Name of the data set that it was measured on.
        value: The mean over seeds or protected sets, in %, dB, seconds or without a unit.
        of_sets: The PSNR, SSIM or LPIPS of each protected set; empty for other values.
        pairing: What an accuracy was measured on, and the clean reference; None for other values.
        reported: The paper's value.
        keys: Keys of the records behind the value.
        overhead: How many of the seconds the same data set takes without a method; None if that is not measured.
        fit: The training of the method, if the value is a loss of its surrogate.
        reason: Why there is no value.
    """

    place: TablePlace
    data: str = ""
    value: float | None = None
    of_sets: tuple[float, ...] = ()
    pairing: Pairing | None = field(default=None, repr=False)
    reported: float | None = None
    keys: tuple[str, ...] = ()
    overhead: float | None = None
    fit: Fit | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def low(self) -> float | None:
        """Return the lower end of the 95% interval of an accuracy."""
        return self.pairing.interval[0] if self.pairing else None

    @property
    def high(self) -> float | None:
        """Return its upper end."""
        return self.pairing.interval[1] if self.pairing else None

    @property
    def runs(self) -> Runs | None:
        """Return the runs behind an accuracy."""
        return self.pairing.runs if self.pairing else None

    @property
    def seeds(self) -> str:
        """Return method seeds x attacker seeds."""
        return self.runs.seeds if self.runs else ""

    @property
    def n(self) -> int:
        """Return how many images each run was tested on."""
        return self.runs.n if self.runs else 0

    @property
    def cells(self) -> tuple[Record, ...]:
        """Return the records behind an accuracy, one for each pair of seeds."""
        return self.pairing.records if self.pairing else ()

    @property
    def worst(self) -> Identity | None:
        """Return the identity that the attacker recognises best, with its share in [0, 1]."""
        return self.pairing.worst if self.pairing else None

    @property
    def chance(self) -> float | None:
        """Return the accuracy of guessing, in %."""
        return chance(self.cells[0]) if self.cells else None

    @property
    def clean(self) -> float | None:
        """Return the attacker's accuracy without protection, in %; the mean over seeds."""
        return self.pairing.reference if self.pairing else None

    @property
    def clean_interval(self) -> tuple[float, float] | None:
        """Return its 95% interval."""
        return self.pairing.reference_interval if self.pairing else None

    @property
    def difference(self) -> float | None:
        """Return measured minus reported; None for sizes of data sets, and for accuracies on other faces."""
        if self.value is None or self.reported is None or not self.place.method:
            return None
        if self.place.metric == "accuracy" and not self.is_on_the_papers_set:
            return None
        return self.value - self.reported

    @property
    def is_on_the_papers_set(self) -> bool:
        """Return whether it was measured on the paper's own photographs, with or without their repeats."""
        return self.data.partition(" ")[0].casefold() == ROLES[self.place.role].casefold()

    @property
    def has_few_seeds(self) -> bool:
        """Return whether too few seeds are behind it for a test."""
        return self.runs is not None and not self.runs.can_be_tested

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the interval; for a value without one, the value itself twice."""
        if self.value is None:
            return None
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class FilledTable:
    """A table, the data set of each of its roles, and its places with their measurements."""

    table: Table
    roles: Roles
    places: tuple[FilledPlace, ...]


def cells_behind(places: Iterable[FilledPlace]) -> list[Record]:
    """Return the records behind the accuracies of some places, each once."""
    return list({record.key: record for filled in places for record in filled.cells}.values())


def fill_table(
    table: Table,
    roles: Roles,
    records: RecordIndex,
    reasons: Mapping[tuple[str, str], str] | None = None,
) -> FilledTable:
    """Fill each place of a table from records.

    Args:
        table: The table.
        roles: The data set of each role; the places of other roles are gaps.
        records: The records.
        reasons: Why cells could not be computed, by data set and plugins, as ``match.address`` names them.
    """
    places = []
    for place in table.places:
        empty = FilledPlace(place=place, reported=reported().get(table.address(place)))
        filled = _measured(empty, roles, records, reasons or {}, table.command)
        if filled.value is None and not filled.reason:
            filled = replace(filled, reason=f"not measured yet: {table.command}")
        places.append(filled)
    return FilledTable(table, roles, tuple(places))


def _measured(
    empty: FilledPlace,
    roles: Roles,
    records: RecordIndex,
    reasons: Mapping[tuple[str, str], str],
    command: str,
) -> FilledPlace:
    """Return a place with its measurement, or with the reason for the gap if that is known."""
    place = empty.place
    if place.skip:
        return replace(empty, reason=place.skip)
    for role in (place.role, place.trained_on):
        if role and role not in roles:
            return replace(empty, reason=f"no record for role {role}: {command} --data {role}=FOLDER measures it")
    data = roles[place.role]
    empty = replace(empty, data=data.name)
    if not place.method:
        return replace(empty, value=float(getattr(records.sets[data], place.metric)))
    if place.attacker:
        if cells := records.cells_of(place, roles):
            return _accuracy(empty, cells, records.clean_cells_of(place, roles))
    elif sets := records.protections_of(place, roles):
        return _of_protected_sets(empty, sets, records.clean_protections_of(place, roles))
    wanted = records.plugins.wanted(records.plugins.method(place, roles), place.attacker)
    return replace(empty, reason=reasons.get((data.key, wanted.digest), ""))


def _accuracy(empty: FilledPlace, cells: Sequence[Record], clean: Sequence[Record]) -> FilledPlace:
    pairing = Pairing(empty.place.method, empty.place.attacker, tuple(cells), tuple(clean))
    return replace(empty, value=pairing.accuracy, pairing=pairing, keys=tuple(record.key for record in cells))


def _of_protected_sets(
    empty: FilledPlace, sets: Sequence[ProtectionRecord | Record], clean: Sequence[ProtectionRecord | Record]
) -> FilledPlace:
    """Fill a place with mean seconds or quality, or with the surrogate's loss of the first set.

    A cell's record has PSNR and seconds only.
    """
    place = empty.place
    if place.metric == "seconds":
        seconds = fmean(_seconds(place, record) for record in sets)
        overhead = fmean(record.timings.protect_seconds for record in clean) if clean else None
        return replace(empty, value=seconds, keys=tuple(record.protect_key for record in sets), overhead=overhead)
    if place.metric == "surrogate_loss":
        record = sets[0]
        fit = record.fit if isinstance(record, ProtectionRecord) else None
        losses = fit.surrogate_losses if fit else {}
        if not losses:
            return replace(empty, reason="early records do not hold how the method was trained")
        return replace(empty, value=losses[max(losses)], keys=(record.protect_key,), fit=fit)
    values = {record.protect_key: value for record in sets if (value := _quality(record, place.metric)) is not None}
    if values:
        of_sets = tuple(values.values())
        return replace(empty, value=fmean(of_sets), of_sets=of_sets, keys=tuple(values))
    reasons = (record.quality.lpips_reason for record in sets if isinstance(record, ProtectionRecord))
    return replace(empty, reason=next(filter(None, reasons), "") if place.metric == "lpips" else "")


def _quality(record: ProtectionRecord | Record, metric: str) -> float | None:
    if isinstance(record, ProtectionRecord):
        value: float | None = getattr(record.quality, metric)
        return value
    return record.audit.psnr_mean if metric == "psnr" else None


def _seconds(place: TablePlace, record: ProtectionRecord | Record) -> float:
    """Return the seconds to optimise noise or to load a generator, and to protect; not to train a generator."""
    trained_here = place.trained_on and not record.assets
    return record.timings.protect_seconds + (0.0 if trained_here else record.timings.fit_seconds)
