"""What a plan asks for, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from uebench.api.compute import Compute
from uebench.api.workspace import Workspace
from uebench.cli import output
from uebench.evaluation.hardware import has_bfloat16
from uebench.planning.cell import CellSpec
from uebench.planning.estimates import Rates, estimate, known_rates
from uebench.planning.grid import Plan, PlannedCell


def show(plan: Plan, workspace: Workspace, how: Compute, as_json: bool) -> None:
    """Print what is done, to do, stale and impossible; how it will be computed; and the options in force."""
    rates = known_rates(workspace.store)
    rows = [_row(one, rates) for one in plan.cells]
    if as_json:
        output.print_json(rows)
        return
    table = Table("data", "method", "attacker", "seed", "status", "training at most", "key", box=None)
    for row in rows:
        time = output.seconds(row["estimated_seconds"]) if row["estimated_seconds"] != 0 else "-"
        status = f"{row['status']}: {row['reason']}" if row["status"] in ("impossible", "stale") else row["status"]
        seed = output.seed(row["seed"], row["method_seed"])
        table.add_row(row["data"], row["method"], row["attacker"], seed, status, time, row["key"][:12])
    output.print_table(table)
    output.note(computed_by(plan, how))
    if total := training_in_all([row["estimated_seconds"] for row in rows if row["estimated_seconds"] != 0]):
        output.note(total)
    for text in [*options_in_force(plan), *advice(plan, workspace, how)]:
        output.note(text)


def computed_by(plan: Plan, how: Compute) -> str:
    """Return by how many processes and threads a plan is computed."""
    planned = sum(one.status != "impossible" for one in plan.cells)
    jobs, threads = how.jobs_for(planned), how.threads_for(planned)
    each = f"{threads} thread{'s' * (threads > 1)}" if threads else "all cores"
    if how.executor == "serial":
        return f"computed in this process, {each}"
    return f"computed by {jobs} processes, {each} each" if jobs > 1 else f"computed by 1 process, {each}"


def training_in_all(times: Sequence[float | None]) -> str:
    """Return how long training takes at most, one cell after another, or nothing if none is to be computed.

    Args:
        times: Seconds for each cell that is to be computed; None where no record says so.
    """
    known = [time for time in times if time is not None]
    if not times:
        return ""
    cells = "1 cell" if len(times) == 1 else f"{len(times)} cells"
    took = f"at most {output.seconds(sum(known))} in all, one cell after another" if known else "unknown"
    unknown = len(times) - len(known) if known else 0
    return f"training of {cells}: {took}" + (f", and {unknown} of unknown length" if unknown else "")


def options_in_force(plan: Plan) -> list[str]:
    """Return each plugin of a plan with the values of all its options, those of the preset included."""
    parts = {(part.entry.kind, part.written): part for one in plan.cells for part in one.spec.parts()}
    found = {f"{kind} {written}": part.config.published() for (kind, written), part in parts.items()}
    return [f"{what}: {output.options(options)}" for what, options in found.items() if options]


def advice(plan: Plan, workspace: Workspace, how: Compute) -> list[str]:
    """Return what would make the computation faster: float32, where the processor has no bfloat16 arithmetic."""
    specs = [task.spec for task in plan.tasks(workspace.store, force=how.force)]
    parts = [part for spec in specs for part in (spec.chain if isinstance(spec, CellSpec) else spec.parts())]
    slow = dict.fromkeys(part.name for part in parts if getattr(part.config, "precision", "") == "bfloat16")
    if not slow or has_bfloat16(how.device):
        return []
    written = ", ".join(f'"{name}(precision=float32)"' for name in slow)
    is_faster = "is faster here, and another cell" if len(slow) == 1 else "are faster here, and other cells"
    return [f"this CPU has no bfloat16 arithmetic: {written} {is_faster}"]


def _row(one: PlannedCell, rates: Rates) -> dict[str, Any]:
    cell = one.spec
    return {
        "data": cell.data.name, "method": cell.protection.method.written, "attacker": cell.attacker_text,
        "seed": cell.seed, "method_seed": cell.protection.method_seed, "status": one.status, "reason": one.reason,
        "key": cell.key, "estimated_seconds": estimate(cell, rates) if one.waits else 0.0,
    }  # fmt: skip
