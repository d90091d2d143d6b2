"""The table of a study: a block for each data set, with a row for each method and a column for each attacker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from string import ascii_lowercase

from uebench.analysis.runs import lack_answers
from uebench.analysis.study import MeasuredPlace, columns
from uebench.planning.study import Reported, StudyAttacker, StudySpec
from uebench.report.caveats import about_early, about_gaps, caveats, single_seeds
from uebench.report.study import metrics
from uebench.report.study.blocks import (
    AS_GOOD,
    BEST,
    DIFFERS,
    REPORTED,
    Column,
    DataBlock,
    Number,
    Row,
    StudyTable,
    sections,
    seeds_of,
)
from uebench.report.study.rows import rows


def arrange(spec: StudySpec, measured: Sequence[MeasuredPlace]) -> StudyTable:
    """Return the table of a study.

    Args:
        spec: The study.
        measured: Its places; see ``analysis.study.measure``.
    """
    sets = [list(places) for _, places in groupby(measured, lambda one: one.place.data)]
    blocks = [_block(spec, places) for places in sets] + metrics.blocks(spec, sets)
    notes = _notes(spec, measured) + metrics.notes(spec) + _gaps(measured)
    return StudyTable(spec.title, spec.label, blocks, notes, rows(measured, spec.reported))


def _block(spec: StudySpec, places: list[MeasuredPlace]) -> DataBlock:
    name, data = places[0].place.data.name, places[0].place.cells[0].spec.data.record
    reports = [report for report in spec.reported if report.data == name]
    reported = [_reported(spec, reports, attacker) for attacker in spec.attackers]
    lines = {}
    for line in zip(*columns(places), strict=True):
        method = line[0].place.method.name
        lines[method] = _row(
            method, line, [by_method.get(method, Number()) if by_method else None for by_method in reported]
        )
    header, chances = [], []
    for attacker, by_method in zip(spec.attackers, reported, strict=True):
        header.append(Column(attacker.group, attacker.name))
        chances.append(Number(f"{100 * data.chance:.1f}"))
        if by_method:
            header.append(Column(attacker.group, REPORTED, of_others=True))
            chances.append(Number(""))
    return DataBlock(f"{name}, n = {data.test_images}", header, sections(spec, lines, Row("chance", chances)))


def _reported(spec: StudySpec, reports: Iterable[Reported], attacker: StudyAttacker) -> dict[str, Number]:
    """Return the reported accuracies for an attacker, by method; with several sources, a letter names the source."""
    letters = _letters(spec)
    return {
        report.method: Number(f"{report.accuracy:g}", remark=f"({letters[report.source]})" if len(letters) > 1 else "")
        for report in reports
        if report.attacker == attacker.name
    }


def _letters(spec: StudySpec) -> dict[str, str]:
    """Return the letter of each source."""
    sources = dict.fromkeys(report.source for report in spec.reported)
    return {source: ascii_lowercase[number % 26] * (1 + number // 26) for number, source in enumerate(sources)}


def _row(name: str, line: Sequence[MeasuredPlace], reported: Sequence[Number | None]) -> Row:
    """Return the row of a method.

    Args:
        name: The method.
        line: Its place for each attacker.
        reported: Its reported number for each attacker; None if the attacker has no column of reported numbers.
    """
    numbers = [[_number(one), *([number] if number else [])] for one, number in zip(line, reported, strict=True)]
    return Row(name, [number for both in numbers for number in both], seeds_of(line))


def _number(one: MeasuredPlace) -> Number:
    pairing = one.pairing
    if not pairing:
        return Number()
    differs = one.test is not None and one.test.sign != 0
    marks = (DIFFERS if differs else "") + (AS_GOOD if one.as_good else "")
    return Number(f"{pairing.accuracy:.1f}", pairing.interval, best=one.best, marks=marks)


def _notes(spec: StudySpec, measured: Sequence[MeasuredPlace]) -> list[str]:
    tests = sum(one.test is not None and one.test.p is not None for one in measured)
    notes = [
        f"preset {spec.preset}",
        "clean test accuracy in %, the mean over seeds: the lower, the better the protection; in brackets its 95% "
        "interval over method seeds, attacker seeds and photographs; where there is only one seed, its spread is "
        "unknown and not counted",
        "seeds: method seeds x attacker seeds; n: test images",
    ]
    if any(one.best for one in measured):
        notes.append(
            f"{BEST}: the best of its column, and shown to protect; {AS_GOOD}: may be as good, because no paired test "
            "of two methods of the column proves another one better (5% level, corrected for all pairs of the column, "
            "Holm)"
        )
    if unprotected := [column[0].place for column in columns(measured) if _shows_no_protection(column)]:
        names = ", ".join(f"{place.attacker.name} on {place.data.name}" for place in unprotected)
        notes.append(
            f"none shown to protect against {names} (paired tests against the clean reference, 5% level, corrected for "
            "all methods of the column, Holm)"
        )
    if single := single_seeds(measured):
        notes.append(single)
    if tests:
        notes.append(
            f"{DIFFERS}: differs from {spec.baseline} (paired test on the same photographs and seeds, 5% level, "
            f"corrected for all tests of this study: {tests}, Holm)"
        )
    notes += about_early(one.place.method.name for one in measured if lack_answers(one.records))
    if sources := _letters(spec):
        named = [f"({letter}) {source}" if len(sources) > 1 else source for source, letter in sources.items()]
        notes.append(f"{REPORTED}: by {'; '.join(named)}")
    return notes + caveats((record for one in measured for record in one.records), spec.preset)


def _shows_no_protection(column: Sequence[MeasuredPlace]) -> bool:
    """Return whether methods were tested against the clean reference, and none is shown to protect."""
    tested = any(one.rank and one.pairing and one.pairing.can_be_tested for one in column)
    return tested and not any(one.protects for one in column)


def _gaps(measured: Iterable[MeasuredPlace]) -> list[str]:
    missing: dict[str, list[str]] = {}
    for one in measured:
        for gap, runs in one.gaps.items():
            share = f" ({runs} of {len(one.place.cells)} runs)" if runs < len(one.place.cells) else ""
            missing.setdefault(str(gap), []).append(one.place.title + share)
    return about_gaps(missing)
