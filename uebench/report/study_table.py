"""The table of a study: methods down, attackers across, a block for each data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from uebench.analysis.ranking import ALPHA
from uebench.analysis.study import MeasuredPlace, columns
from uebench.planning.study import StudySpec
from uebench.report.caveats import caveats
from uebench.report.tables import about_early, about_gaps

COLUMNS = {
    "data": "the study's name of the data set",
    "method_group": "the group of the method",
    "method": "the study's name of the method",
    "attacker_group": "the group of the attacker",
    "attacker": "the study's name of the attacker",
    "accuracy": "mean clean test accuracy in percent; missing where nothing was measured",
    "low": "lower end of its 95% interval",
    "high": "upper end of its 95% interval",
    "seeds": "method seeds x attacker seeds",
    "runs": "number of runs behind the mean",
    "n": "number of clean test photographs",
    "clean": "mean of the clean reference in percent",
    "chance": "accuracy of guessing in percent",
    "worst_identity": "number of the identity that the attacker recognises best",
    "worst_identity_accuracy": "accuracy on it in percent",
    "rank_first": "best place that the method may have against this attacker",
    "rank_last": "worst place that it may have",
    "difference": "accuracy minus that of the baseline, in points",
    "difference_low": "lower end of its 95% interval",
    "difference_high": "upper end of its 95% interval",
    "p": "two-sided p value of there being no difference",
    "p_holm": "the same, corrected for all tests of the study (Holm)",
    "reason": "why runs are missing",
    "keys": "keys of the records",
}
"""What the rows for programs hold."""

DIFFERS, AS_GOOD = "*", "†"
BEST = "{best}"


@dataclass(frozen=True, slots=True)
class Number:
    """What stands where a row meets a column.

    Attributes:
        value: The mean, or a dash.
        interval: Its interval; empty if there is none.
        best: Whether it is the best of its column.
        marks: ``DIFFERS``, ``AS_GOOD``, both or nothing.
    """

    value: str = "-"
    interval: str = ""
    best: bool = False
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A method, the clean reference, or chance.

    Attributes:
        name: What it is called.
        numbers: One for each column.
        seeds: Method seeds x attacker seeds behind them.
    """

    name: str
    numbers: Sequence[Number]
    seeds: str = ""


@dataclass(frozen=True, slots=True)
class DataBlock:
    """One data set.

    Attributes:
        title: Its name, and how many test photographs it has.
        columns: Group and name of each attacker.
        sections: The reference and chance without a group, then each group of methods.
    """

    title: str
    columns: Sequence[tuple[str, str]]
    sections: Sequence[tuple[str, Sequence[Row]]]

    @property
    def has_groups(self) -> bool:
        """Return whether methods stand in groups."""
        return any(group for group, _ in self.sections)


@dataclass(frozen=True, slots=True)
class StudyTable:
    """What is shown of a study.

    Attributes:
        title: Its title.
        label: What LaTeX refers to it by.
        blocks: One for each data set.
        notes: At the foot; ``BEST`` stands for the way in which a format shows the best.
        rows: For programs, one for each place, with the names of ``COLUMNS``.
    """

    title: str
    label: str
    blocks: Sequence[DataBlock]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]


def arrange(spec: StudySpec, measured: Sequence[MeasuredPlace]) -> StudyTable:
    """Arrange what was measured of a study.

    Args:
        spec: The study.
        measured: Its places, as ``analysis.study.measure`` returns them.
    """
    by_data = groupby(measured, lambda one: one.place.data)
    blocks = [_block(spec, list(places)) for _, places in by_data]
    return StudyTable(spec.title, spec.label, blocks, _notes(spec, measured), [_document(one) for one in measured])


def _block(spec: StudySpec, places: list[MeasuredPlace]) -> DataBlock:
    across = columns(places)
    about = places[0].place.cells[0].spec.data.record
    rows = {line[0].place.method: _row(line) for line in zip(*across, strict=True)}
    chance = Row("chance", [Number(f"{100 * about.chance:.1f}")] * len(across))
    sections = [("", [rows[spec.reference], chance])]
    sections += [
        (group, [rows[one] for one in methods]) for group, methods in groupby(spec.methods, lambda one: one.group)
    ]
    shown = [(one.group, one.name) for one in spec.attackers]
    return DataBlock(f"{places[0].place.data.name}, n = {about.test_images}", shown, sections)


def _row(line: Sequence[MeasuredPlace]) -> Row:
    seeds = dict.fromkeys(one.pairing.runs.seeds for one in line if one.pairing)
    return Row(line[0].place.method.name, [_number(one) for one in line], ", ".join(seeds))


def _number(one: MeasuredPlace) -> Number:
    found = one.pairing
    if not found:
        return Number()
    low, high = found.interval
    differs = one.p_holm is not None and one.p_holm < ALPHA
    marks = DIFFERS * differs + AS_GOOD * (one.may_be_best and not one.best)
    return Number(f"{found.accuracy:.1f}", f"[{low:.1f}, {high:.1f}]", one.best, marks)


def _notes(spec: StudySpec, measured: Sequence[MeasuredPlace]) -> list[str]:
    tests = sum(one.test is not None for one in measured)
    notes = [
        f"preset {spec.preset}",
        "clean test accuracy in %, the mean over seeds: the lower, the better the protection; in brackets its 95% "
        "interval over method seeds, attacker seeds and photographs; where there is only one seed, its spread is "
        "unknown and not counted",
        "seeds: method seeds x attacker seeds; n: test images",
    ]
    if any(one.best for one in measured):
        notes.append(
            f"{BEST}: the best of its column; {AS_GOOD}: may be as good, because no paired test of two methods of the "
            "column proves another one better (5% level, corrected for all pairs of the column, Holm)"
        )
    if tests:
        notes.append(
            f"{DIFFERS}: differs from {spec.baseline} (paired test on the same photographs and seeds, 5% level, "
            f"corrected for the {tests} tests of this study, Holm)"
        )
    notes += about_early(one.place.method.name for one in measured if one.lacks_answers)
    notes += caveats((record for one in measured for record in one.records), spec.preset)
    return notes + _gaps(measured)


def _gaps(measured: Iterable[MeasuredPlace]) -> list[str]:
    missing: dict[str, list[str]] = {}
    for one in measured:
        for reason, runs in one.gaps.items():
            some = f" ({runs} of {len(one.place.cells)} runs)" if runs < len(one.place.cells) else ""
            missing.setdefault(reason, []).append(one.place.title + some)
    return about_gaps(missing)


def _document(one: MeasuredPlace) -> dict[str, object]:
    place, found, test = one.place, one.pairing, one.test
    about = place.cells[0].spec.data.record
    low, high = found.interval if found else (None, None)
    values = (
        place.data.name, place.method.group, place.method.name, place.attacker.group, place.attacker.name,
        found.accuracy if found else None, low, high, found.runs.seeds if found else "", len(one.records),
        about.test_images, found.reference if found else None, 100 * about.chance,
        found.worst.number if found else None, 100 * found.worst.share if found else None,
        one.rank.first if one.rank else None, one.rank.last if one.rank else None,
        100 * test.value if test else None, 100 * test.low if test else None, 100 * test.high if test else None,
        test.p if test else None, one.p_holm, "; ".join(one.gaps), [record.key for record in one.records],
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))
