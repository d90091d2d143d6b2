"""The parts of a study's table, from which all formats are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from uebench.analysis.study import MeasuredPlace
from uebench.planning.study import StudySpec

DIFFERS, AS_GOOD = "*", "†"
BEST = "{best}"
"""The placeholder, in notes, for the way in which a format marks the best number."""
REPORTED = "reported"


class Column(NamedTuple):
    """A column of a block.

    Attributes:
        group: The group of the attacker; empty for none.
        name: The name of the attacker, or of the metric.
        of_others: Whether the column shows accuracies that others report for the attacker of the column before it.
    """

    group: str
    name: str
    of_others: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a block.

    Attributes:
        value: The mean, or a dash.
        interval: Its 95% interval in percent; None if it has none.
        remark: A text after a number without an interval; empty for none.
        best: Whether it is the best of its column.
        marks: ``DIFFERS``, ``AS_GOOD``, both or neither.
    """

    value: str = "-"
    interval: tuple[float, float] | None = None
    remark: str = ""
    best: bool = False
    marks: str = ""

    @property
    def beside(self) -> str:
        """Return what stands beside the mean in plain text, its interval or its remark."""
        if self.interval is None:
            return self.remark
        low, high = self.interval
        return f"[{low:.1f}, {high:.1f}]"


@dataclass(frozen=True, slots=True)
class Row:
    """The row of a method, of the clean reference, or of chance.

    Attributes:
        name: The name of the row.
        numbers: A number for each column.
        seeds: Method seeds x attacker seeds.
    """

    name: str
    numbers: Sequence[Number]
    seeds: str = ""


@dataclass(frozen=True, slots=True)
class DataBlock:
    """Numbers of one kind on one data set.

    Attributes:
        data: The name of the data set; for accuracies also the number of its test images.
        columns: The columns.
        sections: The rows of the reference and of chance with an empty group, then those of each group of methods.
        heading: What the numbers are; empty for accuracies.
        kind: The kind of the numbers, for labels. Blocks of one kind are in one table in LaTeX.
        has_seeds: Whether rows show their seeds.
    """

    data: str
    columns: Sequence[Column]
    sections: Sequence[tuple[str, Sequence[Row]]]
    heading: str = ""
    kind: str = "accuracy"
    has_seeds: bool = True

    @property
    def title(self) -> str:
        """Return the heading and the data set."""
        return f"{self.heading}: {self.data}" if self.heading else self.data

    @property
    def has_groups(self) -> bool:
        """Return whether methods have groups."""
        return any(group for group, _ in self.sections)


@dataclass(frozen=True, slots=True)
class StudyTable:
    """The table of a study.

    Attributes:
        title: The title.
        label: The label in LaTeX.
        blocks: A block of accuracies for each data set, then blocks of other metrics.
        notes: The notes below the table, with ``BEST``.
        rows: The rows for programs, one for each place, with the names of ``rows.COLUMNS``.
    """

    title: str
    label: str
    blocks: Sequence[DataBlock]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]


def sections(spec: StudySpec, lines: Mapping[str, Row], *others: Row) -> list[tuple[str, Sequence[Row]]]:
    """Return the sections of a block; see ``DataBlock``.

    Args:
        spec: The study.
        lines: Method -> row.
        others: Rows to put below the clean reference.
    """
    grouped = groupby(spec.methods, lambda one: one.group)
    first = ("", [lines[spec.reference.name], *others])
    return [first, *((group, [lines[one.name] for one in methods]) for group, methods in grouped)]


def seeds_of(line: Iterable[MeasuredPlace]) -> str:
    """Return method seeds x attacker seeds of a row, several if its numbers differ in them."""
    return ", ".join(dict.fromkeys(one.pairing.runs.seeds for one in line if one.pairing))
