"""From a request to cells with keys, without torch: what is done, what is to do, what is impossible and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from itertools import product

from pydantic import Field

from uebench.data.dataset import load
from uebench.planning.cell import Cell, Protection
from uebench.planning.parts import REFERENCE, attacker_parts, method_part
from uebench.plugins import presets
from uebench.plugins.base import Config
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.store import DamagedError, Store


class Grid(Config):
    """What ``uebench run`` is asked for; a TOML file holds the same names.

    Attributes:
        method: Methods, each as ``name(option=value)``.
        attacker: Attackers, each as ``architecture(option=value)+countermeasure(option=value)``.
        data: Data sets; the preset's own if none is named.
        seed: Seeds of the attackers.
        method_seed: Seed of the methods.
        preset: ``smoke``, ``desk`` or ``paper``.
        with_clean: Also train every attacker on the unprotected images.
    """

    method: tuple[str, ...] = Field(min_length=1)
    attacker: tuple[str, ...] = Field(min_length=1)
    data: tuple[str, ...] = ()
    seed: tuple[int, ...] = (0,)
    method_seed: int = 0
    preset: str = presets.DEFAULT
    with_clean: bool = False


def protections(
    methods: Iterable[str], data: Iterable[str], preset: str, method_seed: int, registry: Registry, store: Store
) -> list[Protection]:
    """List the sets to protect, each once, with the reason where one is impossible.

    Raises:
        UsageError: If a name, an option or a preset is wrong.
        DataError: If a data set cannot be read.
    """
    stage = presets.get(preset)
    parts = [method_part(registry, parse(text), preset) for text in methods]
    sets = [load(text, stage.size, registry, store.work / "data") for text in tuple(data) or (stage.data,)]
    unique: dict[str, Protection] = {}
    for dataset, (method, side) in product(sets, parts):
        one = Protection(dataset=dataset, method=method, side=side, method_seed=method_seed, preset=preset)
        unique.setdefault(one.protect_key, replace(one, reason=one.obstacle()))
    return list(unique.values())


def plan(grid: Grid, registry: Registry, store: Store) -> list[Cell]:
    """List the cells of a grid with their status, each once, the reference cells first.

    Raises:
        UsageError: If a name, an option or a preset is wrong.
        DataError: If a data set cannot be read.
    """
    methods = list(grid.method)
    if grid.with_clean and REFERENCE not in methods:
        methods.insert(0, REFERENCE)
    protected = protections(methods, grid.data, grid.preset, grid.method_seed, registry, store)
    chains = [attacker_parts(registry, text, grid.preset) for text in grid.attacker]
    cells: dict[str, Cell] = {}
    for protection, (attacker, *countermeasures), seed in product(protected, chains, grid.seed):
        inherited = {part.name: getattr(protection, part.name) for part in fields(Protection)}
        cell = Cell(**inherited, attacker=attacker, countermeasures=tuple(countermeasures), seed=seed)
        cells.setdefault(cell.key, _with_status(cell, store))
    return list(cells.values())


def reference(cell: Cell, registry: Registry) -> Cell:
    """Return the cell that trains the same attacker on the unprotected images."""
    method, side = method_part(registry, Spec(REFERENCE), cell.preset)
    return replace(cell, method=method, side=side, method_seed=0)


def _with_status(cell: Cell, store: Store) -> Cell:
    if reason := cell.obstacle():
        return replace(cell, status="impossible", reason=reason)
    try:
        return replace(cell, status="done") if store.read_cell(cell.key) else cell
    except DamagedError as damage:
        return replace(cell, status="damaged", reason=str(damage))
