"""Compute the missing cells and protected sets of a plan."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from uebench.api.foreign_sets import examine
from uebench.api.result import CellResult, ProtectionResult, RunResult
from uebench.api.workspace import Workspace
from uebench.errors import UsageError
from uebench.evaluation.gpu import free_memory
from uebench.evaluation.hardware import available_cores, check_device, machine, on_cpu
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses
from uebench.executors.choice import ChosenExecutor, choose
from uebench.hashing import digest
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.estimates import Conditions, Estimates
from uebench.planning.grid import Plan, PlannedCell
from uebench.planning.staleness import staleness
from uebench.planning.tasks import Task, TaskStatus, protect_tasks
from uebench.planning.time_limit import UNLIMITED, TimeLimit
from uebench.plugins.part import source_digests
from uebench.progress import ProgressFor, numbered, silent
from uebench.store.requests import is_since
from uebench.store.store import Store

T = TypeVar("T", CellResult, ProtectionResult)

LEFT = "the time limit was reached first"
"""The reason of what a time limit left for a later run."""
DELETED = "the record of its failure was deleted during the run, perhaps by a plugin; run again to see the reason"
"""The reason of a failure that nobody can read any more."""

warn_caller = partial(warnings.warn, stacklevel=3)
"""Warns at the line of the caller, when a function of the API hands it to ``compute_in`` or ``detect_in``."""


@dataclass(frozen=True)
class Compute:
    """How to compute. The options do not change what is measured; the number of threads changes the last bits of sums.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        jobs: The number of tasks to compute at once. 0: on a CPU, one per core, fewer where memory is short; on a GPU,
            one for each 6 GiB of its free memory, at most one per core and 8 in all, and 1 if its free memory cannot be
            read; on a cluster, 100.
        executor: ``processes``: several tasks at once, in other processes; ``isolated(...)``: each task in its own
            process, with limits; ``serial``: one task after the other in this process; ``ray(...)`` or ``slurm(...)``:
            on many machines.
        force: Compute finished cells and sets again.
        lpips_trunk: The file with AlexNet's weights; with it, LPIPS is measured.
        limit: The time limit of the run.
        keep_models: Keep the weights of the networks that attackers train, in ``models/`` of the results folder.

    Raises:
        UsageError: If an option is wrong; the message names it.
    """

    device: str = "auto"
    jobs: int = 0
    executor: str = "processes"
    force: bool = False
    lpips_trunk: Path | None = None
    limit: TimeLimit = UNLIMITED
    keep_models: bool = False

    def __post_init__(self) -> None:
        """Check the options, before any work."""
        check_device(self.device, elsewhere=self.chosen.is_cluster)
        if self.chosen.gpus == 0 and self.device.startswith("cuda"):
            raise UsageError(
                f"device {self.device!r}: executor {self.executor!r} gives its tasks no GPU; write "
                f"{self.chosen.name}(gpus=1), or use auto"
            )
        if type(self.jobs) is not int:
            raise UsageError(f"jobs {self.jobs!r}: give a whole number; 0 chooses it automatically")
        for name, given in (("force", self.force), ("keep_models", self.keep_models)):
            if type(given) is not bool:
                raise UsageError(f"{name} {given!r}: give True or False")
        if self.jobs < 0:
            raise UsageError(f"jobs {self.jobs}: must not be negative; use 0 to choose the number automatically")

    @cached_property
    def chosen(self) -> ChosenExecutor:
        """Return the executor with its options."""
        return choose(self.executor)

    @cached_property
    def free_gpu_memory(self) -> int | None:
        """Return the free memory of the GPU in bytes if it decides ``jobs``; read once, to suit jobs and threads."""
        return None if self.jobs or on_cpu(self.device) else free_memory(self.device)

    def jobs_for(self, planned: int) -> int:
        """Return the number of processes that compute a request with ``planned`` cells, finished or not."""
        return self.chosen.options.jobs(planned, self.jobs, self.device, self.free_gpu_memory)

    def threads_for(self, planned: int) -> int:
        """Return the number of threads of each of these processes; 0 leaves it to torch."""
        return self.chosen.options.threads(planned, self.jobs, self.device, self.free_gpu_memory)

    def estimates(self, store: Store, planned: int) -> Estimates:
        """Return estimates, from the records in a store, of the time that a request with ``planned`` cells takes."""
        threads = self.threads_for(planned) or available_cores()
        gpus = self.chosen.gpus
        without_gpu = on_cpu(self.device) if gpus is None else self.device == "cpu" or not gpus
        return Estimates(store, Conditions(machine(), without_gpu, threads))


def compute_in(
    workspace: Workspace, plan: Plan, how: Compute, progress: ProgressFor, remark: Callable[[str], None]
) -> RunResult:
    """Compute the unfinished cells of a plan. A cell that fails does not stop the others.

    If ``how`` has a time limit, tasks that would exceed it do not start, and tasks that run when it ends stop at a
    checkpoint.

    Args:
        workspace: The workspace.
        plan: The plan.
        how: How to compute.
        progress: Called with the title of each task; returns the callback for its progress.
        remark: Called before any work with each remark about protected sets made by other code.

    Raises:
        DataError: If such a set cannot be read or does not fit its photographs.
        StoreError: If the store cannot be used.
    """
    tasks = plan.tasks(workspace.store, force=how.force)
    for text in examine(tasks, workspace):
        remark(text)
    statuses = _execute(tasks, [cell.spec.key for cell in plan.possible], workspace, how, progress)
    for cell in plan.cells:
        if cell.status == "done":
            workspace.store.work.tidy(cell.spec.key)
    return RunResult(tuple(_result(cell, statuses, workspace) for cell in plan.cells), workspace)


def collected_in(workspace: Workspace, plan: Plan) -> RunResult:
    """Return the results of a plan without computing anything; unfinished cells are ``left``."""
    failed: Statuses = {failure.key: "failed" for failure in workspace.store.failures()}
    results = tuple(
        CellResult(cell.spec, "left", reason="not computed yet")
        if cell.waits and cell.spec.key not in failed
        else _result(cell, failed if cell.waits else {}, workspace)
        for cell in plan.cells
    )
    return RunResult(results, workspace)


def protect_sets_in(
    workspace: Workspace,
    specs: Iterable[ProtectionSpec],
    how: Compute,
    progress: ProgressFor = silent,
    *,
    asked: int = 0,
) -> list[ProtectionResult]:
    """Make the protected sets and records that the store lacks. See ``compute_in`` for limits, failures and errors.

    Args:
        workspace: The workspace.
        specs: The sets.
        how: How to compute.
        progress: Called with the title of each task; returns the callback for its progress.
        asked: The number of sets that the caller was asked for, if ``specs`` holds only the missing ones. It decides
            the number of threads.
    """
    specs = list(specs)
    store = workspace.store
    stale = {} if how.force else {spec.key: staleness(spec, store) for spec in specs if not spec.obstacle}
    possible = [spec for spec in specs if not spec.obstacle and not stale.get(spec.key)]
    keys = [spec.key for spec in possible]
    statuses = _execute(protect_tasks(possible), keys, workspace, how, progress, asked=asked)
    results = []
    for spec in specs:
        if spec.obstacle:
            results.append(ProtectionResult(spec, "impossible", reason=spec.obstacle))
        elif reason := stale.get(spec.key):
            results.append(ProtectionResult(spec, "stale", reason=reason))
        else:
            results.append(_ended(ProtectionResult, spec, statuses[spec.key], store.protections.read, store))
    return results


def _execute(
    tasks: Sequence[Task],
    keys: Sequence[str],
    workspace: Workspace,
    how: Compute,
    progress: ProgressFor,
    *,
    asked: int = 0,
) -> Statuses:
    """Compute the tasks of a request.

    Args:
        tasks: The tasks.
        keys: The keys of the request, finished or not. The store keeps them meanwhile.
        workspace: The workspace.
        how: How to compute.
        progress: Called with the title of each task; returns the callback for its progress.
        asked: See ``protect_sets_in``.
    """
    if not tasks:
        return {}
    planned = max(asked, len(keys))
    workspace.store.check_writable()
    settings = Settings(
        results=workspace.store.root,
        device=how.device,
        threads=how.threads_for(planned),
        cache=workspace.cache,
        lpips_trunk=how.lpips_trunk,
        limit=how.limit,
        keep_models=how.keep_models,
    )
    if how.limit != UNLIMITED:
        estimates = how.estimates(workspace.store, planned)
        tasks = [replace(task, estimate=estimates.of(task.spec)) for task in tasks]
    jobs = min(how.jobs_for(planned), len(tasks))
    code = code_of(task.spec for task in tasks) if how.force else ""
    with workspace.store.requests.hold(keys, force=how.force, code=code) as request:
        if how.force:
            settings = replace(settings, redo_before=request.since)
        statuses = dict(how.chosen.function(tasks, settings, jobs, numbered(progress, len(tasks))))
        for key, status in statuses.items():
            if status == "left" and _is_written(workspace.store, key, settings.redo_before):
                statuses[key] = "computed"  # by another run, or by this one in its last seconds
        if "left" not in statuses.values():
            request.done()
    return statuses


def code_of(specs: Iterable[CellSpec | ProtectionSpec]) -> str:
    """Return a digest of the source code of all plugins of some cells and protected sets."""
    return digest(source_digests(part for spec in specs for part in spec.parts()))


def _is_written(store: Store, key: str, since: float) -> bool:
    """Return whether there is a cell, or a protected set with its record, that is not older than ``since``."""
    if store.cells.read_or_none(key):
        return is_since(store.cells.path(key), since)
    is_stored = store.protections.read_or_none(key) and store.sets.path(key).is_file()
    return bool(is_stored) and is_since(store.protections.path(key), since)


def _result(planned: PlannedCell, statuses: Statuses, workspace: Workspace) -> CellResult:
    store, spec = workspace.store, planned.spec
    status = statuses.get(spec.key, planned.status)
    if status in ("done", "computed", "failed", "left"):
        return _ended(CellResult, spec, status, store.cells.read, store)
    return CellResult(spec, "stale" if status == "stale" else "impossible", reason=planned.reason)


def _ended(
    result: Callable[..., T],
    spec: CellSpec | ProtectionSpec,
    status: TaskStatus,
    read: Callable[[str], object],
    store: Store,
) -> T:
    """Return the result of a task that was computed or finished before, failed, or was left for a later run."""
    if status == "left":
        return result(spec, status, reason=LEFT)
    if status == "failed":
        failure = store.work.read_failure(spec.key)
        return result(spec, status, reason=failure.message if failure else DELETED, failure=failure)
    if record := read(spec.key):
        return result(spec, status, record)
    return result(spec, "failed", reason=f"its record is not in {store.root}; another process deleted it")
