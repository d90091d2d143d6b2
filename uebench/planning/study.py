"""A study of one's own: data sets, methods and attackers under the names that its tables show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TypeVar

from pydantic import Field

from uebench.data.dataset import DatasetInfo
from uebench.errors import UsageError
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.grid import Grid, Plan, PlannedCell, Planner, Seeds
from uebench.planning.parts import REFERENCE, attacker_parts, method_part
from uebench.plugins import presets
from uebench.plugins.base import Config
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


class Entry(Config):
    """Something that a study names.

    Attributes:
        name: What tables and figures call it; the text itself if none is given.
    """

    name: str = Field(min_length=1)


METRICS: Mapping[str, str] = MappingProxyType(
    {
        "relative_unlearnability": "relative unlearnability, %",
        "peak": "peak accuracy, % (epoch)",
        "worst_identity": "worst identity, % (number)",
        "robust": "accuracy under PGD-20, %",
        "unprotected": "accuracy of unprotected people, %",
        "psnr": "PSNR, dB",
        "ssim": "SSIM",
        "lpips": "LPIPS",
        "seconds": "seconds per 1,000 images",
    }
)
"""What a table may show beside the accuracy, and its heading there."""


class StudyData(Entry):
    """A data set.

    Attributes:
        set: A folder, or ``name(option=value)``; empty if whoever runs the study says which it is.
    """

    set: str = ""


class StudyMethod(Entry):
    """A method: a row of the table.

    Attributes:
        method: ``name(option=value)``.
        group: The rows that it stands with.
    """

    method: str = Field(min_length=1)
    group: str = ""


class StudyAttacker(Entry):
    """An attacker: a column of the table.

    Attributes:
        attacker: ``architecture(option=value)+countermeasure(option=value)``.
        group: The columns that it stands with.
    """

    attacker: str = Field(min_length=1)
    group: str = ""


class Reported(Config):
    """A number that somebody else reports.

    Attributes:
        data: The study's name of the data set.
        method: The study's name of the method.
        attacker: The study's name of the attacker.
        accuracy: Clean test accuracy in percent.
        source: Where it stands.
    """

    data: str
    method: str
    attacker: str
    accuracy: float = Field(ge=0, le=100)
    source: str = Field(min_length=1)


class StudySpec(Config):
    """What a study asks for; its TOML file holds the same names.

    Attributes:
        title: What it is about; the caption of its table.
        about: The same in a sentence.
        data: Data sets; the preset's own if none is named.
        method: Methods. The unprotected images, ``clean``, are attacked in every study and need not be named.
        attacker: Attackers.
        seed: Seeds of the attackers.
        method_seed: Seeds of the methods.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
        baseline: Name of the method that every other is tested against; no tests if empty.
        label: What LaTeX refers to the table by.
        metrics: What the table shows beside the accuracy, of ``METRICS``.
        reported: What others report of the same; in the TOML file, the name of a CSV file.
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

    @property
    def reference(self) -> StudyMethod:
        """Return the clean reference, under the study's name for it if it has one."""
        named = (one for one in self.method if parse(one.method).name == REFERENCE)
        return next(named, StudyMethod(name="clean reference", method=REFERENCE))

    @property
    def methods(self) -> list[StudyMethod]:
        """Return the methods without the clean reference, those of a group together."""
        return _grouped(one for one in self.method if one != self.reference)

    @property
    def attackers(self) -> list[StudyAttacker]:
        """Return the attackers, those of a group together."""
        return _grouped(self.attacker)

    def grid(self, data: StudyData) -> Grid:
        """Return what it asks for of one data set."""
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
        cells: What is to be measured, a cell for each pair of seeds.
    """

    data: StudyData
    method: StudyMethod
    attacker: StudyAttacker
    cells: tuple[PlannedCell, ...]

    @property
    def title(self) -> str:
        """Return the place in words, for messages."""
        return f"{self.method.name} against {self.attacker.name} on {self.data.name}"


@dataclass(frozen=True)
class StudyPlan:
    """A study and the state of its cells.

    Attributes:
        spec: The study.
        places: By data set, then by attacker, then by method, the clean reference first.
        plan: The cells as of any other request.
    """

    spec: StudySpec
    places: tuple[StudyPlace, ...]
    plan: Plan


def plan_study(spec: StudySpec, planner: Planner) -> StudyPlan:
    """Find the cells of a study and what is known of them.

    Args:
        spec: The study.
        planner: Where plugins are named, and what is there already.

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
        about = cells[0].spec.data
        _keep(sets, about.key, "data sets", data.name)
        methods, attackers = _identities(spec, about, planner.registry)
        found: dict[tuple[str, str], list[PlannedCell]] = {}
        for cell in cells:
            pair = methods[cell.spec.protection.identity.text], attackers[cell.spec.identity.text]
            found.setdefault(pair, []).append(cell)
        places += [
            StudyPlace(data, method, attacker, tuple(found[method.name, attacker.name]))
            for attacker, method in product(spec.attackers, (spec.reference, *spec.methods))
        ]
    return StudyPlan(spec, tuple(places), Plan(tuple(planned)))


def _identities(spec: StudySpec, data: DatasetInfo, registry: Registry) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of methods and of attackers by what makes each the same on a data set."""
    methods: dict[str, str] = {}
    attackers: dict[str, str] = {}
    for method in (spec.reference, *spec.methods):
        part, side = method_part(registry, parse(method.method), spec.preset)
        protection = ProtectionSpec(data=data, method=part, side=side, method_seed=0, preset=spec.preset)
        _keep(methods, protection.identity.text, "methods", method.name)
    for attacker in spec.attackers:
        first, *others = attacker_parts(registry, attacker.attacker, spec.preset)
        cell = CellSpec(protection=protection, attacker=first, countermeasures=tuple(others), seed=0)
        _keep(attackers, cell.identity.text, "attackers", attacker.name)
    return methods, attackers


def _keep(names: dict[str, str], identity: str, kind: str, name: str) -> None:
    if identity in names:
        raise UsageError(f"study: the {kind} {names[identity]!r} and {name!r} are the same; leave one out")
    names[identity] = name


def _grouped(entries: Iterable[G]) -> list[G]:
    """Return entries with those of a group together, groups in the order of their first entry."""
    found: dict[str, list[G]] = {}
    for one in entries:
        found.setdefault(one.group, []).append(one)
    return [one for group in found.values() for one in group]
