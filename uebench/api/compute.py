"""Compute what a plan lacks, in this process or in several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from uebench.api.result import CellResult, ProtectionResult, RunResult
from uebench.api.workspace import Workspace
from uebench.errors import UsageError
from uebench.evaluation.gpu import free_memory
from uebench.evaluation.hardware import available_cores, check_device, machine, on_cpu
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses
from uebench.executors.choice import choose
from uebench.planning.cell import ProtectionSpec
from uebench.planning.estimates import Conditions, Estimates
from uebench.planning.grid import Plan, PlannedCell, staleness
from uebench.planning.tasks import Task, protect_tasks
from uebench.planning.time_limit import UNLIMITED, TimeLimit
from uebench.progress import ProgressFor, silent
from uebench.store.requests import done, requested
from uebench.store.store import Store

LEFT = "the time limit came before"


@dataclass(frozen=True)
class Compute:
    """How to compute; nothing here changes what is measured, but threads change the last bits of sums.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        jobs: How many tasks at once; 0: one per core on a CPU, fewer where memory is short; on a GPU one for each 6 GiB
            of its free memory, at most one per core and 8 in all, and 1 if that cannot be read; on a cluster 100.
        executor: ``processes``: several tasks at once, in other processes; ``isolated(...)``: each in one of its own,
            with limits; ``serial``: one after the other, in this one; ``ray(...)`` or ``slurm(...)``: on many machines.
        force: Compute again what is there.
        lpips_trunk: AlexNet's weights, to measure LPIPS with.
        limit: When the run ends.
        keep_models: Keep the weights of the networks that attackers train, in ``models/`` of the results folder.
    """

    device: str = "auto"
    jobs: int = 0
    executor: str = "processes"
    force: bool = False
    lpips_trunk: Path | None = None
    limit: TimeLimit = UNLIMITED
    keep_models: bool = False

    def check(self) -> None:
        """Refuse what cannot be, before any work.

        Raises:
            UsageError: Naming the option at fault.
        """
        check_device(self.device)
        choose(self.executor)
        if self.jobs < 0:
            raise UsageError(f"jobs {self.jobs}: must not be negative; use 0 for as many as suit")

    @cached_property
    def free_gpu_memory(self) -> int | None:
        """Return what decides ``jobs`` on a GPU, in bytes; asked once, so that jobs and threads belong together."""
        return None if self.jobs or on_cpu(self.device) else free_memory(self.device)

    def jobs_for(self, planned: int) -> int:
        """Return how many processes a request of so many cells is computed by, resumed or not."""
        return choose(self.executor).jobs_for(planned, self.jobs, self.device, self.free_gpu_memory)

    def threads_for(self, planned: int) -> int:
        """Return how many threads each of them has; 0: torch's own choice."""
        return choose(self.executor).threads_for(planned, self.jobs, self.device, self.free_gpu_memory)

    def estimates(self, store: Store, planned: int) -> Estimates:
        """Return how long the cells of a request of so many take here, by the records of a store."""
        threads = self.threads_for(planned) or available_cores()
        return Estimates(store, Conditions(machine(), on_cpu(self.device), threads))


def compute(plan: Plan, workspace: Workspace, how: Compute | None = None, progress: ProgressFor = silent) -> RunResult:
    """Compute the cells of a plan that are not done; one that fails costs itself only.

    Where ``how`` has a limit, what does not fit does not start, and what is under way at the end stops at a checkpoint.

    Args:
        plan: What was asked.
        workspace: Where.
        how: How.
        progress: Where the progress goes.

    Raises:
        UsageError: If ``how`` is wrong.
        StoreError: If the store cannot be used.
    """
    how = how or Compute()
    how.check()
    tasks = plan.tasks(workspace.store, force=how.force)
    statuses = _execute(tasks, [one.spec.key for one in plan.possible], workspace, how, progress)
    for one in plan.cells:
        if one.status == "done":
            workspace.store.tidy(one.spec.key)
    return RunResult(tuple(_result(one, statuses, workspace) for one in plan.cells), workspace)


def collected(plan: Plan, workspace: Workspace) -> RunResult:
    """Return what there is of a plan, as ``compute`` would, and compute nothing; what is not there is ``left``."""
    failed: Statuses = {failure.key: "failed" for failure in workspace.store.failures()}
    found = tuple(
        CellResult(one.spec, "left", reason="not computed yet")
        if one.waits and one.spec.key not in failed
        else _result(one, failed if one.waits else {}, workspace)
        for one in plan.cells
    )
    return RunResult(found, workspace)


def protect_sets(
    specs: Iterable[ProtectionSpec],
    workspace: Workspace,
    how: Compute | None = None,
    progress: ProgressFor = silent,
    *,
    asked: int = 0,
) -> list[ProtectionResult]:
    """Make the protected sets, and their records, that the store lacks; otherwise as ``compute``.

    Args:
        specs: What to protect.
        workspace: Where.
        how: How.
        progress: Where the progress goes.
        asked: How many sets the request names, if ``specs`` are only those that are missing: threads follow from it.
    """
    how, specs = how or Compute(), list(specs)
    how.check()
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
        elif statuses[spec.key] == "left":
            results.append(ProtectionResult(spec, "left", reason=LEFT))
        elif statuses[spec.key] == "failed":
            failure = store.read_failure(spec.key)
            results.append(ProtectionResult(spec, "failed", reason=failure.message if failure else ""))
        else:
            record = store.read_protection(spec.key)
            results.append(ProtectionResult(spec, statuses[spec.key], record))
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
    """Compute tasks of a request, whose ``keys`` stand in the store meanwhile; threads follow from their number."""
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
    with requested(workspace.store, keys, force=how.force) as request:
        if how.force:
            settings = replace(settings, redo_before=request.since)
        statuses = choose(how.executor).function(tasks, settings, jobs, progress)
        if "left" not in statuses.values():
            done(request)
    return statuses


def _result(planned: PlannedCell, statuses: Statuses, workspace: Workspace) -> CellResult:
    store, spec = workspace.store, planned.spec
    status = statuses.get(spec.key, planned.status)
    if status in ("done", "computed"):
        return CellResult(spec, status, store.read_cell(spec.key))
    if status == "failed":
        failure = store.read_failure(spec.key)
        return CellResult(spec, status, reason=failure.message if failure else "", failure=failure)
    if status == "left":
        record = store.read_cell_or_none(spec.key)  # another run, or the last seconds of this one, may have made it
        return CellResult(spec, "computed", record) if record else CellResult(spec, "left", reason=LEFT)
    return CellResult(spec, "stale" if status == "stale" else "impossible", reason=planned.reason)
