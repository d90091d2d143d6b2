"""Table 1: five requirements that a method meets in full, in part or not at all, by thresholds on measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.place import MAIN
from uebench.paper.tables import METHODS
from uebench.paper.verdicts import FAILED, HELD, learned

Tables = Mapping[str, FilledTable]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One column of Table 1.

    Attributes:
        name: The paper's name for it.
        rule: What is measured, in words.
        score: Returns for a method and the filled tables the values of the measured places, and the number of all
            places.
        full: The mean of the values that meets the requirement.
        partial: The mean that meets it in part.
        upwards: Whether higher is better.
    """

    name: str
    rule: str
    score: Callable[[str, Tables], tuple[list[float], int]]
    full: float
    partial: float
    upwards: bool = False

    def degree(self, mean: float) -> Literal["full", "partial", "none"]:
        """Return how far a mean meets the requirement."""
        side = -1 if self.upwards else 1
        if side * mean <= side * self.full:
            return "full"
        return "partial" if side * mean <= side * self.partial else "none"


@dataclass(frozen=True, slots=True)
class Circle:
    """One circle of Table 1.

    Attributes:
        method: The row.
        requirement: The column.
        mean: The mean of the measured values, or None.
        measured: Number of measured places.
        places: Number of all places.
        reported: Whether the paper draws a full circle; its text does not tell partial from none.
    """

    method: str
    requirement: Requirement
    mean: float | None
    measured: int
    places: int
    reported: bool

    @property
    def degree(self) -> str:
        """Return the circle in a word, a dash if nothing was measured."""
        return "-" if self.mean is None else self.requirement.degree(self.mean)


def circles(tables: Tables) -> list[Circle]:
    """Return Table 1, row by row."""
    rows = []
    for method in METHODS:
        for requirement in REQUIREMENTS:
            values, places = requirement.score(method, tables)
            mean = fmean(values) if values else None
            reported = requirement.name in REPORTED[method]
            rows.append(Circle(method, requirement, mean, len(values), places, reported))
    return rows


def _learned(*picks: tuple[str, Callable[[FilledPlace], bool]]) -> Callable[[str, Tables], tuple[list[float], int]]:
    def score(method: str, tables: Tables) -> tuple[list[float], int]:
        places = [
            filled
            for table, pick in picks
            for filled in tables[table].places
            if filled.place.row == method and not filled.place.skip and pick(filled)
        ]
        shares = [learned(filled) for filled in places]
        return [share for share in shares if share is not None], len(places)

    return score


def _values_of(table: str, column: str) -> Callable[[str, Tables], list[float]]:
    return lambda method, tables: [
        filled.value
        for filled in tables[table].places
        if (filled.place.row, filled.place.column) == (method, column) and filled.value is not None
    ]


_psnr, _seconds = _values_of("7", "psnr"), _values_of("9", "generation_time")


def _relative_time(method: str, tables: Tables) -> tuple[list[float], int]:
    return [own / ue for own in _seconds(method, tables) for ue in _seconds("ue", tables)], 1


_LEARNED = "share that the attacker learns, "

REQUIREMENTS = (
    Requirement("effectiveness", f"{_LEARNED}over Table 3", _learned(("3", lambda _: True)), HELD, FAILED),
    Requirement(
        "imperceptibility",
        "PSNR in dB, Table 7",
        lambda method, tables: (_psnr(method, tables), 1),
        30,
        25,
        upwards=True,
    ),
    Requirement(
        "transferability",
        f"{_LEARNED}over Tables 5 and 6 without the surrogate's own architecture and set",
        _learned(
            ("5", lambda filled: filled.place.column != "resnet18"), ("6", lambda filled: filled.place.role != MAIN)
        ),
        HELD,
        FAILED,
    ),
    Requirement(
        "robustness",
        f"{_LEARNED}over Figure 4 (1) and (2), and over Table 8 at rho_a=4/255 (and rho_d=4/255)",
        _learned(
            ("8", lambda e: e.place.column == "rho_a=4/255" and e.place.setting in ("", "rho_d=4/255")),
            ("figure4.1", lambda _: True),
            ("figure4.2", lambda _: True),
        ),
        HELD,
        FAILED,
    ),
    Requirement("efficiency", "generation seconds relative to UE's, Table 9", _relative_time, 0.01, 0.1),
)

REPORTED = {
    "ue": ("effectiveness", "imperceptibility"),
    "lsp": ("efficiency",),
    "rue": ("effectiveness", "imperceptibility", "robustness"),
    "tue": ("imperceptibility",),
    "segue": tuple(requirement.name for requirement in REQUIREMENTS),
}
"""The paper's full circles."""
