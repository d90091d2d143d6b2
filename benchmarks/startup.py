"""How soon a command answers, against a Python that starts and does nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.timing import Comparison, compare
from uebench.planning.grid import Grid, Planner
from uebench.plugins.registry import Registry
from uebench.store.record import Record
from uebench.store.record_parts import PluginRecord
from uebench.store.store import Store

PUBLISHED = Path(__file__).parent.parent / "results" / "cells"
METHODS = ("lsp", "segue", "ue", "rue")
ATTACKERS = ("resnet18", "resnet18+jpeg", "resnet18+mixup", "resnet50", "inception_v3")


def measure(quick: bool) -> list[Comparison]:
    """Time ``--help``, ``list``, ``status`` of 10,000 records and ``run`` of 300 finished cells."""
    records, cells = (60, 20) if quick else (10_000, 300)
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder, "many"), Path(folder, "few")
        finish(grid_of(records), many)
        asked = grid_of(cells)
        finish(asked, few)
        return [
            _timed("uebench --help", 0.5, quick, "--help"),
            _timed("uebench list", 0.5, quick, "list"),
            _timed(f"uebench status, {records} records", 2, quick, "status", "--results", str(many)),
            _timed(f"uebench run, {cells} finished cells", 2, quick, "run", *words(asked), "--results", str(few)),
        ]


def grid_of(cells: int) -> Grid:
    """Return a grid of so many cells, a multiple of 20: each method against each attacker, seed by seed."""
    seeds = cells // (len(METHODS) * len(ATTACKERS))
    return Grid(method=METHODS, attacker=ATTACKERS, seed=tuple(range(seeds)))


def words(grid: Grid) -> list[str]:
    """Return a grid as arguments of ``uebench run``."""
    options = {"--method": grid.method, "--attacker": grid.attacker, "--seed": map(str, grid.seed)}
    return [word for option, values in options.items() for value in values for word in (option, value)]


def finish(grid: Grid, results: Path) -> None:
    """Write a made-up record for each cell of a grid: all but its address is taken from a published one."""
    store = Store(results)
    pattern = Record.model_validate_json(_unsealed(min(PUBLISHED.glob("??/*.json"))))
    for one in Planner(Registry(), store).plan(grid).cells:
        cell = one.spec
        sources = {part.name: part.entry.source_digest for part in cell.parts()}
        store.cells.write(
            pattern.model_copy(
                update={
                    "key": cell.key,
                    "protect_key": cell.protect_key,
                    "data_key": cell.data.key,
                    "method": PluginRecord.model_validate(cell.protection.method.published()),
                    "attacker": [PluginRecord.model_validate(part.published()) for part in cell.chain],
                    "seed": cell.seed,
                    "written": {"method": cell.protection.method.written, "attacker": cell.attacker_text},
                    "provenance": pattern.provenance.model_copy(update={"sources": sources}),
                }
            )
        )


def _unsealed(file: Path) -> bytes:
    return b"{" + file.read_bytes().partition(b"\n")[2]


def _timed(what: str, target: float, quick: bool, *arguments: str) -> Comparison:
    ours, theirs = (partial(_start, *command) for command in (("-m", "uebench", *arguments), ("-c", "pass")))
    return compare(what, ours, theirs, pairs=1 if quick else 5, remark=f"target: {target:g} s")


def _start(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
