"""``uebench.reproduce``: compute the cells of tables of the Segue paper, and fill the tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uebench.api.compute import Compute, compute_in, protect_sets_in
from uebench.api.fit import fit_in
from uebench.api.result import CellResult, ProtectionResult, RunResult
from uebench.api.workspace import RESULTS, Texts, Workspace, several
from uebench.errors import UsageError
from uebench.evaluation.failures import THROUGH, message_of
from uebench.evaluation.stopping import Stop, Stopped
from uebench.paper.fill import FilledTable, fill_table
from uebench.paper.match import address
from uebench.paper.order import in_order
from uebench.paper.place import Table
from uebench.paper.request import TableRequest
from uebench.paper.tables import TABLES, named
from uebench.planning.grid import Plan
from uebench.planning.seeds import AnySeeds
from uebench.planning.time_limit import TimeLimit
from uebench.plugins import presets
from uebench.plugins.spec import parse
from uebench.progress import ProgressFor, silent

EVERYTHING = "all"


@dataclass(frozen=True)
class Reproduction:
    """Filled tables of the paper.

    Attributes:
        tables: The tables, filled.
        run: The cells behind them.
        failures: A message for each training of a method that failed.
        failed: Whether anything failed, or was refused because its protected set is stale.
        left: Number of trainings, protected sets and cells that the time limit left for a later run, by kind. Cells
            that need a training are not counted before it is done.
    """

    tables: tuple[FilledTable, ...]
    run: RunResult
    failures: tuple[str, ...]
    failed: bool
    left: Mapping[str, int] = field(default_factory=dict)


def reproduce(
    name: str | int,
    *,
    data: str | Iterable[str] = (),
    preset: str = presets.DEFAULT,
    results: str | Path = RESULTS,
    method_seed: AnySeeds = 0,
    plugins: Texts = (),
    device: str = "auto",
    jobs: int = 0,
    executor: str = "processes",
    time_limit: str | float | None = None,
    progress: ProgressFor = silent,
) -> Reproduction:
    """Compute the missing results of a table of the Segue paper, and fill the table.

    The cells that decide most per hour are computed first; see ``uebench.paper.order``.

    Args:
        name: ``table2`` to ``table9``, ``figure4.1`` to ``figure4.4``, or ``all``. Tables share results.
        data: Data sets, as ``SET`` for the paper's main set or as ``ROLE=SET``.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        results: The results folder.
        method_seed: The methods' seeds. A method that is trained once for several sets has seed 0.
        plugins: Python files with your own plugins.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        jobs: The number of cells to compute at once; 0: one per core on a CPU, as many as fit on a GPU.
        executor: See ``run``. Methods that are trained once for several sets train in this process.
        time_limit: See ``run``.
        progress: Called with the title of each piece of work; returns a function of (done, total, text).

    Returns:
        The tables with reported and measured values.

    Raises:
        UsageError: If a name or an argument is wrong.
        DataError: If a data set cannot be read.
        StoreError: If the results folder cannot be used.

    Example:
        >>> import uebench
        >>> reproduction = uebench.reproduce("table2", data="synthetic", preset="smoke")
        >>> reproduction.tables[0].table.heading
        'Table 2'
    """
    workspace = Workspace.of(results, plugins)
    how = Compute(device=device, jobs=jobs, executor=executor, limit=TimeLimit.of(time_limit))
    request = TableRequest(tables_of(name), several(data, "data"), preset, workspace.planner, method_seed)
    return reproduce_in(workspace, request, how, progress)


def tables_of(name: str | int) -> list[Table]:
    """Return the tables that a name stands for.

    Raises:
        UsageError: If there is no such table, or if it only shows results of other tables.
    """
    if name == EVERYTHING:
        return list(TABLES.values())
    chosen = named(name)
    if len(chosen) > 1:
        raise UsageError(f"{name} is a view of other tables; run uebench reproduce --all, then uebench table {name}")
    return chosen


def reproduce_in(workspace: Workspace, request: TableRequest, how: Compute, progress: ProgressFor) -> Reproduction:
    """Do what ``reproduce`` does, for a request.

    Args:
        workspace: The workspace.
        request: The tables and their data sets.
        how: How to compute.
        progress: Called with the title of each piece of work; returns the callback for its progress.

    Raises:
        StoreError: If the results folder cannot be used.
    """
    workspace.store.check_writable()
    failures = _train(workspace, request, how, progress)
    protected = protect_sets_in(workspace, request.protections(), how, progress)
    run = compute_in(workspace, plan_in(workspace, request, how), how, progress, warnings.warn)
    results: list[ProtectionResult | CellResult] = [*protected, *run.cells]
    missing = [result for result in results if result.record is None]
    reasons = {address(result.spec): f"{result.status}: {result.reason}" for result in missing}
    records = request.records()
    filled = tuple(fill_table(table, request.roles, records, reasons) for table in request.tables)
    failed = bool(failures) or bool(run.failed) or any(result.status == "failed" for result in protected)
    left = {
        "training": len(request.trainings()) - len(failures),
        "protected set": sum(result.status == "left" for result in protected),
        "cell": len(run.left),
    }
    return Reproduction(filled, run, tuple(failures), failed, {kind: count for kind, count in left.items() if count})


def plan_in(workspace: Workspace, request: TableRequest, how: Compute) -> Plan:
    """Return the cells of a request, those first that decide most per hour."""
    plan = request.plan()
    estimates = how.estimates(workspace.store, len(plan.possible))
    keys = {cell.spec.protect_key for cell in plan.cells}
    stored = [key for key in keys if workspace.store.sets.path(key).is_file()]
    return Plan(tuple(in_order(plan.cells, request.worth(), estimates.of, stored)))


def _train(workspace: Workspace, request: TableRequest, how: Compute, progress: ProgressFor) -> Sequence[str]:
    """Train the methods whose weights protect other sets too; return a message for each that failed."""
    failures = []
    for file, place in request.trainings().items():
        if how.limit.left <= 0:
            break
        title = f"training {place.method} on {request.specs[place.trained_on]}"
        try:
            fit_in(
                workspace, place.method, request.specs[place.trained_on], request.plugins.preset, 0, file,
                device=how.device, progress=progress(title), stop=Stop(how.limit),
            )  # fmt: skip
        except Stopped:
            break
        except THROUGH:
            raise
        except BaseException as error:
            source = workspace.registry.entry("method", parse(place.method).name).source
            failures.append(f"{title}: {message_of(error, {str(source)})}")
    return failures
