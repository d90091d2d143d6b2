"""Turn a request into a plan, without torch: which cells are done, to do or impossible, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

from pydantic import Field

from uebench.data.dataset import describe
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.parts import REFERENCE, attacker_parts, every, has_seed, method_part
from uebench.planning.seeds import AnySeeds, Seeds, seeds_of
from uebench.planning.staleness import staleness
from uebench.planning.tasks import Task, attack_tasks
from uebench.plugins import presets
from uebench.plugins.base import Config
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.store import DamagedError, Store

Status = Literal["done", "to do", "damaged", "stale", "impossible"]
"""``damaged``: its record cannot be read, so it is computed again; ``stale``: the code or the budget of its method
changed without a new version after the protected set was made."""


class Grid(Config):
    """A request: every method against every attacker. A TOML file uses the same names.

    Attributes:
        method: Methods, each as ``name(option=value)``; ``all`` stands for all without required options.
        attacker: Attackers, each as ``architecture(option=value)+countermeasure(option=value)``; ``all`` stands for all
            without required options, also in ``all+countermeasure``.
        data: Data sets; by default that of the preset.
        seed: Seeds of the attackers.
        method_seed: Seeds of the methods. Unprotected images and sets protected by other code have none, and are
            attacked once per attacker seed.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
        with_clean: Also train every attacker on the unprotected images.
        plugin: Python files with plugins, relative to the working directory. Running the grid runs their code.
    """

    method: tuple[str, ...] = Field(min_length=1)
    attacker: tuple[str, ...] = Field(min_length=1)
    data: tuple[str, ...] = ()
    seed: Seeds = (0,)
    method_seed: Seeds = (0,)
    preset: str = presets.DEFAULT
    with_clean: bool = False
    plugin: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedCell:
    """A cell and its status.

    Attributes:
        spec: The cell.
        status: See ``Status``.
        reason: Why it is damaged, stale or impossible.
    """

    spec: CellSpec
    status: Status = "to do"
    reason: str = ""

    @property
    def waits(self) -> bool:
        """Return whether it has yet to be computed."""
        return self.status in ("to do", "damaged")


@dataclass(frozen=True)
class Plan:
    """The cells of a request, each once."""

    cells: tuple[PlannedCell, ...]

    @property
    def possible(self) -> list[PlannedCell]:
        """Return the cells that can be measured, finished or not; how many there are decides the number of threads."""
        return [one for one in self.cells if one.status != "impossible"]

    @property
    def damaged(self) -> list[PlannedCell]:
        """Return the cells whose record is damaged."""
        return [one for one in self.cells if one.status == "damaged"]

    def chosen(self, *, force: bool = False) -> list[CellSpec]:
        """Return the cells to compute; with ``force`` also those that are done or stale."""
        return [one.spec for one in self.cells if one.waits or (force and one.status != "impossible")]

    def tasks(self, store: Store, *, force: bool = False) -> list[Task]:
        """Return the tasks, each protected set before the attacks on it.

        Args:
            store: The store; protected sets in it are not made again.
            force: Compute everything again.
        """
        cells = self.chosen(force=force)
        keys = {cell.protect_key for cell in cells}
        stored = () if force else [key for key in keys if store.sets.path(key).is_file()]
        return attack_tasks(cells, stored)


class Planner:
    """Turns requests into plans.

    Attributes:
        registry: The plugins.
        store: The store with finished cells.
        cache: A folder for decoded photographs, or None.
    """

    def __init__(self, registry: Registry, store: Store, cache: Path | None = None) -> None:
        """Keep what all requests share."""
        self.registry, self.store, self.cache = registry, store, cache

    def protections(
        self,
        methods: Iterable[str],
        data: Iterable[str] = (),
        preset: str = presets.DEFAULT,
        method_seed: AnySeeds = 0,
    ) -> list[ProtectionSpec]:
        """List the sets to protect, each once. The ``obstacle`` of an impossible one says why.

        Args:
            methods: As in ``Grid``.
            data: As in ``Grid``.
            preset: As in ``Grid``.
            method_seed: As in ``Grid``.

        Raises:
            UsageError: If a name, an option, a preset or a seed is wrong.
            DataError: If a data set cannot be read.
        """
        chosen, seeds = presets.get(preset), seeds_of(method_seed, "method_seed")
        texts = every(self.registry, "method", methods)
        parts = [method_part(self.registry, parse(text), preset) for text in texts]
        sets = [describe(text, chosen.size, self.registry, self.cache) for text in tuple(data) or (chosen.data,)]
        specs = (
            ProtectionSpec(data=info, method=method, side=side, method_seed=seed, preset=preset)
            for info, (method, side) in product(sets, parts)
            for seed in (seeds if has_seed(method) else (0,))
        )
        return list({spec.key: spec for spec in specs}.values())

    def plan(self, grid: Grid) -> Plan:
        """List the cells of a grid with their status, each once; cells that ``with_clean`` adds lead their data set.

        Raises:
            UsageError: If a name, an option or a preset is wrong.
            DataError: If a data set cannot be read.
        """
        methods = every(self.registry, "method", grid.method)
        if grid.with_clean and REFERENCE not in methods:
            methods.insert(0, REFERENCE)
        protections = self.protections(methods, grid.data, grid.preset, grid.method_seed)
        attackers = every(self.registry, "attacker", grid.attacker)
        chains = [attacker_parts(self.registry, text, grid.preset) for text in attackers]
        specs = (
            CellSpec(protection=protection, attacker=attacker, countermeasures=tuple(measures), seed=seed)
            for protection, (attacker, *measures), seed in product(protections, chains, grid.seed)
        )
        stale: dict[str, str] = {}
        cells = {cell.key: cell for cell in specs}
        return Plan(tuple(self._with_status(cell, stale) for cell in cells.values()))

    def reference(self, cell: CellSpec) -> CellSpec:
        """Return the cell that trains the same attacker on the unprotected images."""
        method, side = method_part(self.registry, Spec(REFERENCE), cell.protection.preset)
        return replace(cell, protection=replace(cell.protection, method=method, side=side, method_seed=0))

    def _with_status(self, cell: CellSpec, stale: dict[str, str]) -> PlannedCell:
        """Look up the status of a cell; ``stale`` keeps the ``staleness`` of each protected set."""
        if reason := cell.obstacle:
            return PlannedCell(cell, "impossible", reason)
        try:
            if self.store.cells.read(cell.key):
                return PlannedCell(cell, "done")
        except DamagedError as damage:
            return PlannedCell(cell, "damaged", str(damage))
        if cell.protect_key not in stale:
            stale[cell.protect_key] = staleness(cell.protection, self.store)
        reason = stale[cell.protect_key]
        return PlannedCell(cell, "stale", reason) if reason else PlannedCell(cell)
