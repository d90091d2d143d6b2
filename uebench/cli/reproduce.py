"""``uebench reproduce``: compute and show tables of the Segue paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.shared.options import (
    AsJson,
    DryRun,
    Format,
    MethodSeeds,
    PresetName,
    TimeLimitText,
    with_compute,
    with_workspace,
)
from uebench.cli.shared.terminal import say
from uebench.errors import UsageError
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.workspace import Workspace
    from uebench.paper.request import TableRequest
    from uebench.planning.cell import ProtectionSpec
    from uebench.planning.estimates import Estimates
    from uebench.planning.grid import Plan


@with_workspace
@with_compute
def reproduce(
    name: Annotated[str, typer.Argument(help="table2 to table9, figure4.1 to figure4.4.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All tables; shared results are computed once.")] = False,
    preset: PresetName = DEFAULT,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="orl, a folder or name(option=value) for the main set, or ROLE=SET. Repeatable."),
    ] = None,
    method_seed: MethodSeeds = None,
    dry_run: DryRun = False,
    time_limit: TimeLimitText = None,
    form: Format = "text",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the tables to this file.")] = None,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Compute and show a table of the Segue paper.

    Only missing results are computed.
    """
    from uebench.api.reproduce import EVERYTHING, reproduce_in, tables_of
    from uebench.cli.shared import computing, output, run_output
    from uebench.paper.request import TableRequest
    from uebench.report import files, formats
    from uebench.report.pages import paper_table
    from uebench.store.atomic import write

    if bool(name) == everything:
        raise UsageError("name one table, as in uebench reproduce table5, or give --all")
    formats.check(form)
    if out:
        files.check(out, "--out", suffixes=None)
    how = computing.limited(how, time_limit)
    chosen = tables_of(EVERYTHING if everything else name)
    request = TableRequest(chosen, data or (), preset, workspace.planner, method_seed or 0)
    if dry_run:
        _show_plan(request, workspace, how, as_json)
        return
    with output.progress_bars() as progress:
        reproduction = reproduce_in(workspace, request, how, progress)
    run_output.notes(reproduction.run)
    pages = [paper_table.page(table, preset) for table in reproduction.tables]
    text = "\n".join(page.text(form) for page in pages)
    if out:
        write(out, text, "--out")
    if as_json:
        output.print_json([page.document() for page in pages])
    else:
        say(text, end="")
    for failure in reproduction.failures:
        output.note(f"failed: {failure}")
    computing.end(reproduction.left, failed=reproduction.failed)


def _show_plan(request: TableRequest, workspace: Workspace, how: Compute, as_json: bool) -> None:
    from rich.table import Table

    from uebench.api.reproduce import plan_in
    from uebench.cli.shared import output, plan_output
    from uebench.report import text

    plans = {table.name: request.plan((table,)) for table in request.tables}
    distinct = plan_in(workspace, request, how)
    estimates = how.estimates(workspace.store, len(distinct.possible))
    records = request.records()
    sets = {table.name: request.protections((table,), records) for table in request.tables}
    rows = [
        _row(f"table {name}" if name.isdigit() else name, plan, sets[name], workspace, estimates)
        for name, plan in plans.items()
    ]
    rows.append(_row("distinct", distinct, request.protections((), records), workspace, estimates))
    first = [f"{place.method} on {request.specs[place.trained_on]}" for place in request.trainings().values()]
    if as_json:
        output.print_json({"tables": rows, "train_first": first})
        return
    if len(plans) == 1:
        plan_output.show(distinct, workspace, how, as_json=False)
    overview = Table("", "cells", "done", "to run", "impossible", "one after the other", box=None)
    for row in rows:
        time = text.seconds(row["estimated_seconds"]) + (f", unknown for {row['unknown']}" if row["unknown"] else "")
        overview.add_row(row["what"], *(str(row[name]) for name in ("cells", "done", "to_run", "impossible")), time)
    output.print_table(overview)
    for training in first:
        output.note(
            f"trained first: {training}; the cells that need it get their keys afterwards and are not counted here"
        )


def _row(
    title: str, plan: Plan, sets: Sequence[ProtectionSpec], workspace: Workspace, estimates: Estimates
) -> dict[str, Any]:
    from uebench.planning.tasks import protect_tasks

    tasks = {task.key: task for task in [*protect_tasks(sets), *plan.tasks(workspace.store)]}
    total = estimates.total(list(tasks.values()))
    return {
        "what": title,
        "cells": len(plan.cells),
        "done": sum(cell.status == "done" for cell in plan.cells),
        "to_run": len(plan.chosen()),
        "impossible": sum(cell.status == "impossible" for cell in plan.cells),
        "estimated_seconds": total.seconds,
        "unknown": total.unknown,
    }
