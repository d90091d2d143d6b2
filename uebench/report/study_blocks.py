"""The parts of a study's table: blocks of rows with numbers, before they are written in one format or another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from uebench.analysis.study import MeasuredPlace
from uebench.planning.study import StudySpec

DIFFERS, AS_GOOD = "*", "†"
BEST = "{best}"


REPORTED = "reported"


class Column(NamedTuple):
    """What a column shows.

    Attributes:
        group: That of the attacker.
        name: That of the attacker, or what else is shown.
        of_others: Whether it holds what others report of the attacker before it.
    """

    group: str
    name: str
    of_others: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """What stands where a row meets a column.

    Attributes:
        value: The mean, or a dash.
        interval: Its interval, or what else stands behind it; empty if there is none.
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
    """Numbers of one kind on one data set.

    Attributes:
        title: What they are, and of which data set.
        columns: One for each number of a row.
        sections: The reference and chance without a group, then each group of methods.
        kind: Blocks of the same kind stand in one table of LaTeX.
        has_seeds: Whether rows say how many seeds are behind them.
    """

    title: str
    columns: Sequence[Column]
    sections: Sequence[tuple[str, Sequence[Row]]]
    kind: str = "accuracy"
    has_seeds: bool = True

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
        blocks: Accuracies, one for each data set, then what else the study asks for.
        notes: At the foot; ``BEST`` stands for the way in which a format shows the best.
        rows: For programs, one for each place, with the names of ``study_rows.COLUMNS``.
    """

    title: str
    label: str
    blocks: Sequence[DataBlock]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]


def sections(spec: StudySpec, lines: Mapping[str, Row], *others: Row) -> list[tuple[str, Sequence[Row]]]:
    """Return the rows of a block: the clean reference and others without a group, then each group of methods.

    Args:
        spec: The study.
        lines: The row of each method by its name.
        others: What stands below the clean reference.
    """
    grouped = groupby(spec.methods, lambda one: one.group)
    first = ("", [lines[spec.reference.name], *others])
    return [first, *((group, [lines[one.name] for one in methods]) for group, methods in grouped)]


def seeds_of(line: Iterable[MeasuredPlace]) -> str:
    """Return method seeds x attacker seeds behind the numbers of a row."""
    return ", ".join(dict.fromkeys(one.pairing.runs.seeds for one in line if one.pairing))
