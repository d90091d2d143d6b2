"""Output of a plan, for readers and for programs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from uebench.api.compute import Compute
from uebench.api.workspace import Workspace
from uebench.cli.shared import output
from uebench.data.folders import unread_below
from uebench.data.sources import FolderConfig
from uebench.errors import counted
from uebench.evaluation.hardware import available_cores, has_bfloat16, on_cpu
from uebench.executors.confinement import can_give_up_network
from uebench.hashing import abbreviated
from uebench.planning.cell import CellSpec
from uebench.planning.estimates import Estimates
from uebench.planning.grid import Plan, PlannedCell
from uebench.planning.staleness import other_code
from uebench.report import text


def show(plan: Plan, workspace: Workspace, how: Compute, as_json: bool) -> None:
    """Print the cells of a plan with their status, how and how long they will be computed, and the options in force.

    Args:
        plan: The plan.
        workspace: The workspace.
        how: How to compute.
        as_json: Print the cells as one JSON document instead.
    """
    estimates = how.estimates(workspace.store, len(plan.possible))
    chosen = {spec.key for spec in plan.chosen(force=how.force)}
    rows = [_row(cell, estimates if cell.spec.key in chosen else None) for cell in plan.cells]
    if as_json:
        output.print_json(rows)
        return
    table = Table("data", "method", "attacker", "seed", "status", "training at most", "key", box=None)
    names = output.names_of_sets(cell.spec for cell in plan.cells)
    for row in rows:
        time = text.seconds(row["estimated_seconds"]) if row["estimated_seconds"] != 0 else "-"
        status = f"{row['status']}: {row['reason']}" if row["status"] in ("impossible", "stale") else row["status"]
        seed = text.seed(row["seed"], row["method_seed"])
        method, attacker = abbreviated(row["method"]), abbreviated(row["attacker"])
        table.add_row(names[row["key"]], method, attacker, seed, status, time, row["key"][:12])
    output.print_table(table)
    output.note(computed_by(plan, how))
    if tasks := plan.tasks(workspace.store, force=how.force):
        jobs = min(how.jobs_for(len(plan.possible)), len(tasks))
        output.note(f"time: {duration(*estimates.total(tasks), jobs)}")
    for line in [*options_in_force(plan), *advice(plan, workspace, how)]:
        output.note(line)


def computed_by(plan: Plan, how: Compute) -> str:
    """Return a sentence about the processes and threads that compute a plan."""
    planned = len(plan.possible)
    jobs, threads = how.jobs_for(planned), how.threads_for(planned)
    each = counted(threads, "thread") if threads else counted(available_cores(), "core")
    name = how.chosen.name
    if name == "serial":
        return f"computed in this process, {each}"
    if name != "processes":
        return f"computed by {how.executor}, at most {jobs} at once, {each} each"
    if jobs == 1:
        return f"computed by 1 process, {each}"
    if on_cpu(how.device):
        return f"computed by {jobs} processes, {each} each"
    free = f", which has {how.free_gpu_memory / (1 << 30):.0f} GiB free" if how.free_gpu_memory else ""
    return f"computed by {jobs} processes, {each} each, on one GPU{free}"


def duration(seconds: float, unknown: int, jobs: int) -> str:
    """Return an estimate of the time in words.

    Args:
        seconds: The estimated time of one process.
        unknown: The number of cells without an estimate.
        jobs: The number of processes.
    """
    known = f"about {text.seconds(seconds / jobs)}, by earlier records" if seconds else ""
    rest = f"unknown for {counted(unknown, 'cell')}" if unknown else ""
    return ", and ".join(filter(None, [known, rest]))


def options_in_force(plan: Plan) -> list[str]:
    """Return each plugin of a plan with the values of all its options, those of the preset included."""
    parts = {(part.entry.kind, part.written): part for cell in plan.cells for part in cell.spec.parts()}
    published = {f"{kind} {written}": part.config.published() for (kind, written), part in parts.items()}
    return [f"{plugin}: {text.options(options)}" for plugin, options in published.items() if options]


def advice(plan: Plan, workspace: Workspace, how: Compute) -> list[str]:
    """Return warnings about the plugins of a plan, and about what this machine computes more slowly than it could.

    They concern photographs that are left out, plugins whose code has changed since earlier cells, the network that
    isolated plugins can still use, and bfloat16 on a processor without such arithmetic.
    """
    chosen = plan.chosen(force=how.force)
    entries = {(part.entry.kind, part.name): part.entry for cell in chosen for part in cell.parts()}
    warnings = []
    if chosen:
        warnings = [*_left_out(plan), *_isolation_warnings(how), *other_code(entries.values(), workspace.store)]
    specs = [task.spec for task in plan.tasks(workspace.store, force=how.force)]
    parts = [part for spec in specs for part in (spec.chain if isinstance(spec, CellSpec) else spec.parts())]
    slow = dict.fromkeys(part.name for part in parts if getattr(part.config, "precision", "") == "bfloat16")
    if not slow or has_bfloat16(how.device):
        return warnings
    written = ", ".join(f'"{name}(precision=float32)"' for name in slow)
    is_faster = "is faster here, but another cell" if len(slow) == 1 else "are faster here, but other cells"
    return [*warnings, f"this CPU has no bfloat16 arithmetic: {written} {is_faster}"]


def _left_out(plan: Plan) -> list[str]:
    """Return a warning for each folder of faces with photographs of kinds that are not read."""
    options = [cell.spec.data.source.config for cell in plan.cells if cell.spec.data.source]
    folders = dict.fromkeys(one.path for one in options if isinstance(one, FolderConfig))
    return [f"{folder}: left out: {remedy}" for folder in folders if (remedy := unread_below(folder))]


def _isolation_warnings(how: Compute) -> list[str]:
    if how.chosen.name != "isolated" or can_give_up_network():
        return []
    return ["this system does not let a process give up the network; isolated plugins can use it"]


def _row(cell: PlannedCell, estimates: Estimates | None) -> dict[str, Any]:
    """Return the values of a cell; without ``estimates`` it is not computed, which takes no time."""
    spec = cell.spec
    return {
        "data": spec.data.name, "method": spec.protection.method.written, "attacker": spec.attacker_text,
        "seed": spec.seed, "method_seed": spec.protection.method_seed, "status": cell.status, "reason": cell.reason,
        "key": spec.key, "estimated_seconds": estimates.training(spec) if estimates else 0.0,
    }  # fmt: skip
