"""Studies: data sets, methods and attackers under the names that the tables show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeVar

from pydantic import Field

from uebench.errors import UsageError
from uebench.grouping import grouped
from uebench.planning.cell import CellSpec
from uebench.planning.grid import Grid, Plan, PlannedCell, Planner
from uebench.planning.parts import REFERENCE, attacker_parts, every, method_part
from uebench.planning.seeds import Seeds
from uebench.plugins import presets
from uebench.plugins.base import Config
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


class Named(Config):
    """Something that a study names.

    Attributes:
        name: Its name in tables and figures; by default the text itself.
    """

    name: str = Field(min_length=1)


METRICS = (
    "relative_unlearnability", "peak", "worst_identity", "robust", "unprotected", "psnr", "ssim", "lpips", "seconds",
    "memory",
)  # fmt: skip
"""The metrics that a table can show beside the accuracy; ``report.study.metrics.METRICS`` says how."""


class StudyData(Named):
    """A data set.

    Attributes:
        set: A folder, or ``name(option=value)``; empty if the user names it when running the study.
    """

    set: str = ""


class StudyMethod(Named):
    """A method: a row of the table.

    Attributes:
        method: ``name(option=value)``.
        group: The group of rows that it belongs to.
    """

    method: str = Field(min_length=1)
    group: str = ""


class StudyAttacker(Named):
    """An attacker: a column of the table.

    Attributes:
        attacker: ``architecture(option=value)+countermeasure(option=value)``.
        group: The group of columns that it belongs to.
    """

    attacker: str = Field(min_length=1)
    group: str = ""


class Reported(Config):
    """A number that others report.

    Attributes:
        data: The study's name of the data set.
        method: The study's name of the method.
        attacker: The study's name of the attacker.
        accuracy: Clean test accuracy in percent.
        source: Where they report it.
    """

    data: str
    method: str
    attacker: str
    accuracy: float = Field(ge=0, le=100)
    source: str = Field(min_length=1)


class StudySpec(Config):
    """A study; its TOML file uses the same names.

    Attributes:
        title: The caption of its table.
        about: One sentence on its subject.
        data: Data sets; by default that of the preset.
        method: Methods. The unprotected images, ``clean``, are attacked in every study and need not be named.
        attacker: Attackers.
        seed: Seeds of the attackers.
        method_seed: Seeds of the methods.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
        baseline: Name of the method that all others are tested against; empty for no tests.
        label: The table's label in LaTeX.
        metrics: Names of ``METRICS`` that the table shows beside the accuracy.
        reported: Numbers that others report; in the TOML file, the name of a CSV file.
        plugin: Python files with plugins, beside the study or else in the working directory. Reading the study runs
            their code.
    """

    title: str
    about: str = ""
    data: tuple[StudyData, ...]
    method: tuple[StudyMethod, ...] = Field(min_length=1)
    attacker: tuple[StudyAttacker, ...] = Field(min_length=1)
    seed: Seeds = (0,)
    method_seed: Seeds = (0,)
    preset: str = presets.DEFAULT
    baseline: str = ""
    label: str = ""
    metrics: tuple[str, ...] = ()
    reported: tuple[Reported, ...] = ()
    plugin: tuple[str, ...] = ()

    @property
    def reference(self) -> StudyMethod:
        """Return the clean reference, under the study's own name if it has one."""
        named = (one for one in self.method if parse(one.method).name == REFERENCE)
        return next(named, StudyMethod(name="clean reference", method=REFERENCE))

    @property
    def methods(self) -> list[StudyMethod]:
        """Return the methods without the clean reference, group by group."""
        return _grouped(one for one in self.method if one != self.reference)

    @property
    def attackers(self) -> list[StudyAttacker]:
        """Return the attackers, group by group."""
        return _grouped(self.attacker)

    def grid(self, data: StudyData) -> Grid:
        """Return the grid of one data set."""
        return Grid(
            method=(self.reference.method, *(one.method for one in self.methods)),
            attacker=tuple(one.attacker for one in self.attackers), data=(data.set,), seed=self.seed,
            method_seed=self.method_seed, preset=self.preset,
        )  # fmt: skip


G = TypeVar("G", StudyMethod, StudyAttacker)


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """One number of a study's table: a method against an attacker on a data set, over all seeds.

    Attributes:
        data: The data set.
        method: The method.
        attacker: The attacker.
        cells: The cells to measure, one for each pair of seeds.
    """

    data: StudyData
    method: StudyMethod
    attacker: StudyAttacker
    cells: tuple[PlannedCell, ...]

    @property
    def names(self) -> tuple[str, str, str]:
        """Return the names of data set, attacker and method."""
        return self.data.name, self.attacker.name, self.method.name

    @property
    def title(self) -> str:
        """Return a short description for messages."""
        return f"{self.method.name} against {self.attacker.name} on {self.data.name}"


@dataclass(frozen=True)
class StudyPlan:
    """A study and the state of its cells.

    Attributes:
        spec: The study.
        places: By data set, then by attacker, then by method, the clean reference first.
        plan: All cells, as a plan.
    """

    spec: StudySpec
    places: tuple[StudyPlace, ...]
    plan: Plan


def without_all(spec: StudySpec, registry: Registry) -> StudySpec:
    """Return a study in which ``all`` is replaced by what it stands for, as in a grid.

    What the study names itself keeps its own name; the rest have the names of the plugins.

    Args:
        spec: The study.
        registry: The plugins.
    """
    methods, attackers = (
        _without_all(spec.method, "method", registry),
        _without_all(spec.attacker, "attacker", registry),
    )
    return spec.model_copy(update={"method": methods, "attacker": attackers})


def _without_all(named: Sequence[G], kind: Literal["method", "attacker"], registry: Registry) -> tuple[G, ...]:
    found: list[G] = []
    own = {getattr(one, kind) for one in named}
    for one in named:
        text = getattr(one, kind)
        texts = every(registry, kind, [text])
        others = [one.model_copy(update={"name": other, kind: other}) for other in texts if other not in own]
        found += [one] if texts == [text] else others
    return tuple(found)


def plan_study(spec: StudySpec, planner: Planner) -> StudyPlan:
    """Find the cells of a study and their status.

    Args:
        spec: The study.
        planner: The planner for its grids.

    Raises:
        UsageError: If a name, an option or a preset is wrong, or if two names stand for the same thing.
        DataError: If a data set cannot be read.
    """
    places: list[StudyPlace] = []
    planned: list[PlannedCell] = []
    sets: dict[str, str] = {}
    for data in spec.data:
        cells = planner.plan(spec.grid(data)).cells
        planned += cells
        first = cells[0].spec
        _add_name(sets, first.data.key, "data sets", data.name)
        methods, attackers = _names_by_identity(spec, first, planner.registry)
        cells_of: dict[tuple[str, str], list[PlannedCell]] = {}
        for cell in cells:
            pair = methods[cell.spec.protection.identity.text], attackers[cell.spec.identity.text]
            cells_of.setdefault(pair, []).append(cell)
        places += [
            StudyPlace(data, method, attacker, tuple(cells_of[method.name, attacker.name]))
            for attacker, method in product(spec.attackers, (spec.reference, *spec.methods))
        ]
    return StudyPlan(spec, tuple(places), Plan(tuple(planned)))


def _names_by_identity(spec: StudySpec, cell: CellSpec, registry: Registry) -> tuple[dict[str, str], dict[str, str]]:
    """Return the study's names of its methods and of its attackers, by their identity on the data set of a cell."""
    methods: dict[str, str] = {}
    attackers: dict[str, str] = {}
    for method in (spec.reference, *spec.methods):
        part, side = method_part(registry, parse(method.method), spec.preset)
        protection = replace(cell.protection, method=part, side=side)
        _add_name(methods, protection.identity.text, "methods", method.name)
    for attacker in spec.attackers:
        first, *measures = attacker_parts(registry, attacker.attacker, spec.preset)
        attack = replace(cell, attacker=first, countermeasures=tuple(measures))
        _add_name(attackers, attack.identity.text, "attackers", attacker.name)
    return methods, attackers


def _add_name(names: dict[str, str], identity: str, kind: str, name: str) -> None:
    if identity in names:
        raise UsageError(f"study: the {kind} {names[identity]!r} and {name!r} are the same; leave one out")
    if name in names.values():
        raise UsageError(f"study: two {kind} are named {name!r}; rename one")
    names[identity] = name


def _grouped(entries: Iterable[G]) -> list[G]:
    """Return entries group by group, the groups in the order of their first entries."""
    return [entry for group in grouped(entries, lambda entry: entry.group).values() for entry in group]
