"""Compute what tables of the Segue paper need, and fill them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uebench.api.compute import Compute, compute, protect_sets
from uebench.api.fit import fit_in
from uebench.api.result import RunResult
from uebench.api.workspace import RESULTS, Workspace
from uebench.errors import StoreError, UsageError
from uebench.evaluation.failures import message_of
from uebench.evaluation.stopping import Stop, Stopped
from uebench.paper.fill import FilledTable, fill_table
from uebench.paper.match import address
from uebench.paper.order import in_order
from uebench.paper.request import Request
from uebench.paper.tables import TABLES, Table, named
from uebench.planning.grid import Plan
from uebench.planning.time_limit import TimeLimit
from uebench.plugins import presets
from uebench.plugins.spec import parse
from uebench.progress import ProgressFor, silent

EVERYTHING = "all"


@dataclass(frozen=True)
class Reproduction:
    """Tables with what was measured for them.

    Attributes:
        tables: The tables, filled.
        run: The cells behind them.
        failures: What went wrong before the cells: trainings of methods.
        failed: Whether anything failed, or was refused because its protected set is stale.
        left: How many trainings of methods, protected sets and cells the time limit left for a later run, by kind.
            Cells that need a training are not counted before it is done.
    """

    tables: tuple[FilledTable, ...]
    run: RunResult
    failures: tuple[str, ...]
    failed: bool
    left: Mapping[str, int] = field(default_factory=dict)


def reproduce(
    name: str,
    *,
    data: str | Iterable[str] = (),
    preset: str = presets.DEFAULT,
    results: str | Path = RESULTS,
    method_seed: int | Iterable[int] = 0,
    plugins: Iterable[str | Path] = (),
    device: str = "auto",
    jobs: int = 0,
    executor: str = "processes",
    time_limit: str | float | None = None,
    progress: ProgressFor = silent,
) -> Reproduction:
    """Compute what a table of the Segue paper needs and is not there yet, and fill the table.

    What decides most in an hour is computed first; see ``uebench.paper.order``.

    Args:
        name: ``table2`` to ``table9``, ``figure4.1`` to ``figure4.4``, or ``all``; what tables share is computed once.
        data: Data sets as ``SET`` for the paper's main set, or ``ROLE=SET``.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        results: The results folder.
        method_seed: The methods' seeds; what is trained once for several sets has seed 0.
        plugins: Python files with plugins of your own.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        jobs: How many cells at once; 0: one per core on a CPU, as many as fit on a GPU.
        executor: ``processes``; ``serial`` to compute in this process; ``ray(...)`` or ``slurm(...)`` for a cluster.
        time_limit: How long this may take, as ``uebench.run`` takes it.
        progress: Called with the title of each piece of work; returns a function of (done, total, what).

    Returns:
        The tables with reported and measured values.

    Raises:
        UsageError: If a name or an argument is wrong.
        DataError: If a data set cannot be read.
        StoreError: If the results folder cannot be used.

    Example:
        >>> import uebench
        >>> made = uebench.reproduce("table2", data="synthetic", preset="smoke")
        >>> made.tables[0].table.heading
        'Table 2'
    """
    sets = (data,) if isinstance(data, str) else tuple(data)
    workspace = Workspace.of(results, plugins)
    seeds = (method_seed,) if isinstance(method_seed, int) else tuple(method_seed)
    how = Compute(device=device, jobs=jobs, executor=executor, limit=TimeLimit.of(time_limit))
    return reproduce_in(Request(tables_of(name), sets, preset, workspace.planner, seeds), workspace, how, progress)


def tables_of(name: str) -> list[Table]:
    """Return the tables to compute for a name.

    Raises:
        UsageError: If there is no such table, or it is a view of others.
    """
    if name == EVERYTHING:
        return list(TABLES.values())
    chosen = named(name)
    if len(chosen) > 1:
        raise UsageError(f"{name} is a view of other tables: uebench reproduce --all, then uebench table {name}")
    return chosen


def reproduce_in(
    request: Request, workspace: Workspace, how: Compute | None = None, progress: ProgressFor = silent
) -> Reproduction:
    """Do what ``reproduce`` does, for a request.

    Args:
        request: The tables and their data sets.
        workspace: Where.
        how: How to compute.
        progress: Where the progress goes.

    Raises:
        StoreError: If the results folder cannot be used.
    """
    how = how or Compute()
    how.check()
    workspace.store.check_writable()
    failures = _train(request, workspace, how, progress)
    protected = protect_sets(request.protections(), workspace, how, progress)
    reasons = {address(one.spec): f"{one.status}: {one.reason}" for one in protected if one.record is None}
    run = compute(plan_of(request, workspace, how), workspace, how, progress)
    reasons |= {address(one.spec): f"{one.status}: {one.reason}" for one in run.cells if one.record is None}
    records = request.records()
    filled = tuple(fill_table(table, request.roles, records, request.plugins, reasons) for table in request.tables)
    failed = bool(failures) or bool(run.failed) or any(one.status == "failed" for one in protected)
    left = {
        "training": len(request.trainings()) - len(failures),
        "protected set": sum(one.status == "left" for one in protected),
        "cell": len(run.left),
    }
    return Reproduction(filled, run, tuple(failures), failed, {what: count for what, count in left.items() if count})


def plan_of(request: Request, workspace: Workspace, how: Compute) -> Plan:
    """Return the cells of a request, first what decides most in an hour."""
    plan = request.plan()
    estimates = how.estimates(workspace.store, len(plan.possible))
    keys = {one.spec.protect_key for one in plan.cells}
    there = [key for key in keys if workspace.store.blob_path(key).is_file()]
    return Plan(tuple(in_order(plan.cells, request.worth(), estimates.of, there)))


def _train(request: Request, workspace: Workspace, how: Compute, progress: ProgressFor) -> Sequence[str]:
    """Train once what other sets are to be protected with; return what failed."""
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
        except StoreError:
            raise
        except (Exception, SystemExit) as error:
            source = workspace.registry.entry("method", parse(place.method).name).source
            failures.append(f"{title}: {message_of(error, {str(source)})}")
    return failures
