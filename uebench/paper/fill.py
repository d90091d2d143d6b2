"""Fill the places of the paper's tables from records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from uebench.analysis.records import Identity, chance, most_recognised, runs_of
from uebench.analysis.statistics import Runs, interval
from uebench.paper.match import RecordIndex, Roles
from uebench.paper.place import Table, TablePlace
from uebench.paper.reported import reported
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledPlace:
    """A place of a table with its measurement, or with the reason why there is none.

    Attributes:
        place: The place.
        data: Name of the data set that it was measured on.
        value: The mean over seeds, in %, dB, seconds or without a unit.
        low: Lower end of the 95% interval of an accuracy, as ``analysis.statistics`` makes it.
        high: Its upper end.
        seeds: Method seeds x attacker seeds.
        n: How many images each run was tested on.
        worst: The identity that the attacker recognises best, with its share in [0, 1].
        chance: Accuracy of guessing, in %.
        clean: The attacker's accuracy without protection, in %; the mean over seeds.
        clean_interval: Its 95% interval.
        reported: The paper's value.
        keys: Keys of the records behind the value.
        cells: The records behind an accuracy, one for each pair of seeds.
        runs: The runs behind an accuracy.
        overhead: How many of the seconds the same data set takes without a method; None if that is not measured.
        fit: The training of the method, if the value is a loss of its surrogate.
        reason: Why there is no value.
    """

    place: TablePlace
    data: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: str = ""
    n: int = 0
    worst: Identity | None = None
    chance: float | None = None
    clean: float | None = None
    clean_interval: tuple[float, float] | None = None
    reported: float | None = None
    keys: tuple[str, ...] = ()
    cells: tuple[Record, ...] = field(default=(), repr=False)
    runs: Runs | None = field(default=None, repr=False)
    overhead: float | None = None
    fit: Fit | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Return measured minus reported; None for the size of a data set, which says nothing about the paper's."""
        if self.value is None or self.reported is None or not self.place.method:
            return None
        return self.value - self.reported

    @property
    def is_single_run(self) -> bool:
        """Return whether a single run is behind it, so that its interval leaves out how much runs differ by seeds."""
        return self.runs is not None and not self.runs.several

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
        measured = _measured(place, roles, records, reasons or {}, table.command)
        if "value" not in measured:
            measured["reason"] = measured.get("reason") or f"not measured yet: {table.command}"
        places.append(FilledPlace(place=place, reported=reported().get(table.address(place)), **measured))
    return FilledTable(table, roles, tuple(places))


def _measured(
    place: TablePlace,
    roles: Roles,
    records: RecordIndex,
    reasons: Mapping[tuple[str, str], str],
    command: str,
) -> dict[str, Any]:
    """Return the fields of a filled place; without ``value`` it is a gap."""
    if place.skip:
        return {"reason": place.skip}
    for role in (place.role, place.trained_on):
        if role and role not in roles:
            return {"reason": f"no record for role {role}: {command} --data {role}=FOLDER measures it"}
    data = roles[place.role]
    if not place.method:
        return {"data": data.name, "value": float(getattr(records.sets[data], place.metric))}
    if place.attacker:
        if cells := records.cells_of(place, roles):
            return {"data": data.name, **_accuracy(cells, records.clean_cells_of(place, roles))}
    elif sets := records.protections_of(place, roles):
        return {"data": data.name, **_of_protected_sets(place, sets, records.clean_protections_of(place, roles))}
    wanted = records.plugins.wanted(records.plugins.method(place, roles), place.attacker)
    return {"data": data.name, "reason": reasons.get((data.key, wanted.digest))}


def _accuracy(cells: Sequence[Record], clean: Sequence[Record]) -> dict[str, Any]:
    runs = runs_of(cells)
    low, high = interval(runs)
    without = runs_of(clean) if clean else None
    ends = interval(without) if without else None
    return {
        "value": 100 * runs.mean,
        "low": 100 * low,
        "high": 100 * high,
        "seeds": runs.seeds,
        "n": runs.n,
        "worst": most_recognised(cells),
        "chance": chance(cells[0]),
        "clean": 100 * without.mean if without else None,
        "clean_interval": (100 * ends[0], 100 * ends[1]) if ends else None,
        "keys": tuple(record.key for record in cells),
        "cells": tuple(cells),
        "runs": runs,
    }


def _of_protected_sets(
    place: TablePlace, sets: Sequence[ProtectionRecord | Record], clean: Sequence[ProtectionRecord | Record]
) -> dict[str, Any]:
    """Return the fields for mean seconds, or for the quality or the surrogate's loss of the first set.

    A cell's record has PSNR and seconds only.
    """
    if place.metric == "seconds":
        seconds = fmean(_seconds(place, record) for record in sets)
        overhead = fmean(record.timings.protect_seconds for record in clean) if clean else None
        return {"value": seconds, "keys": tuple(record.protect_key for record in sets), "overhead": overhead}
    record = sets[0]
    keys = (record.protect_key,)
    if place.metric == "surrogate_loss":
        fit = record.fit if isinstance(record, ProtectionRecord) else None
        losses = fit.surrogate_losses if fit else {}
        if not losses:
            return {"reason": "early records do not hold how the method was trained"}
        return {"value": losses[max(losses)], "keys": keys, "fit": fit}
    if isinstance(record, ProtectionRecord):
        value, reason = getattr(record.quality, place.metric), record.quality.lpips_reason
    else:
        value, reason = record.audit.psnr_mean if place.metric == "psnr" else None, None
    if value is None:
        return {"reason": reason if place.metric == "lpips" else None}
    return {"value": value, "keys": keys}


def _seconds(place: TablePlace, record: ProtectionRecord | Record) -> float:
    """Return the seconds to optimise noise or to load a generator, and to protect; not to train a generator."""
    trained_here = place.trained_on and not record.assets
    return record.timings.protect_seconds + (0.0 if trained_here else record.timings.fit_seconds)
