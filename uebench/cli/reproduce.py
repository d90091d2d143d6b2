"""``uebench reproduce``: a table of the Segue paper from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import AsJson, PresetName, with_compute, with_workspace
from uebench.cli.table import Format
from uebench.cli.terminal import say
from uebench.errors import StoreError, UsageError
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.workspace import Workspace
    from uebench.paper.request import Request
    from uebench.planning.estimates import Rates
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    form: Format = "text",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the tables to this file.")] = None,
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Compute the missing results of a table of the Segue paper, then show the table."""
    from uebench.api.reproduce import EVERYTHING, reproduce_in, tables_of
    from uebench.cli import output, run_output
    from uebench.paper.request import Request
    from uebench.report import files, tables

    if bool(name) == everything:
        raise UsageError("name one table, as in uebench reproduce table5, or say --all")
    tables.check(form)
    if out and not out.parent.is_dir():
        raise StoreError(f"--out {out}: there is no folder {out.parent}; create it first")
    how.check()
    request = Request(tables_of(EVERYTHING if everything else name), data or (), preset, workspace.planner)
    if dry_run:
        _show_plan(request, workspace, how, as_json)
        return
    with output.progress_bars() as progress:
        made = reproduce_in(request, workspace, how, progress)
    run_output.notes(made.run)
    shown = [tables.page(one, preset) for one in made.tables]
    text = "\n".join(tables.render(one, form) for one in shown)
    if out:
        with files.writing(out, "out"):
            out.write_text(text)
    if as_json:
        output.print_json([one.document() for one in shown])
    else:
        say(text, end="")
    for failure in made.failures:
        output.note(f"failed: {failure}")
    if made.failed:
        raise typer.Exit(1)


def _show_plan(request: Request, workspace: Workspace, how: Compute, as_json: bool) -> None:
    from rich.table import Table

    from uebench.cli import output, plan_output
    from uebench.planning.estimates import known_rates

    rates = known_rates(request.store)
    asked = {table.name: request.plan((table,)) for table in request.tables}
    distinct = request.plan()
    rows = [_sum(f"table {name}" if name.isdigit() else name, plan, rates) for name, plan in asked.items()]
    rows.append(_sum("distinct", distinct, rates))
    first = [f"{place.method} on {request.specs[place.trained_on]}" for place in request.trainings().values()]
    if as_json:
        output.print_json({"tables": rows, "train_first": first})
        return
    if len(asked) == 1:
        plan_output.show(distinct, workspace, how, as_json=False)
    shown = Table("", "cells", "done", "to run", "impossible", "training at most", box=None)
    for row in rows:
        time = output.seconds(row["estimated_seconds"]) + (f" and {row['unknown']} unknown" if row["unknown"] else "")
        shown.add_row(row["what"], *(str(row[name]) for name in ("cells", "done", "to_run", "impossible")), time)
    output.print_table(shown)
    for text in first:
        output.note(f"trained first: {text}; the cells that need it get their keys afterwards and are not counted here")


def _sum(what: str, plan: Plan, rates: Rates) -> dict[str, Any]:
    from uebench.planning.estimates import estimate

    todo = plan.chosen()
    times = [estimate(cell, rates) for cell in todo]
    return {
        "what": what,
        "cells": len(plan.cells),
        "done": sum(one.status == "done" for one in plan.cells),
        "to_run": len(todo),
        "impossible": sum(one.status == "impossible" for one in plan.cells),
        "estimated_seconds": sum(time for time in times if time is not None),
        "unknown": times.count(None),
    }
