"""``uebench reproduce``: a table of the Segue paper from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import RESULTS, AsJson, Device, Jobs, Plugins, PresetName, Results
from uebench.cli.table import Format
from uebench.errors import StoreError, UebenchError, UsageError
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uebench.paper.request import Request
    from uebench.planning.cell import Cell
    from uebench.planning.estimates import Rates


def reproduce(
    name: Annotated[str, typer.Argument(help="table2 to table9, figure4.1 to figure4.4.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them; what they share is computed once.")] = False,
    preset: PresetName = DEFAULT,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="orl, a folder or name(option=value) for the main set, or ROLE=SET. Repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    form: Format = "text",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the tables there too.")] = None,
    device: Device = "auto",
    jobs: Jobs = 0,
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compute what a table of the Segue paper needs and is not there yet, and show the table."""
    from uebench.cli import output, run
    from uebench.paper.match import address
    from uebench.paper.request import Request
    from uebench.paper.tables import TABLES, named
    from uebench.plugins.registry import Registry
    from uebench.report import files, tables, views
    from uebench.store.store import Store

    if bool(name) == everything:
        raise UsageError("name one table, as in uebench reproduce table5, or say --all")
    chosen = list(TABLES.values()) if everything else named(name)
    if name and len(chosen) > 1:
        raise UsageError(f"{name} is a view of other tables: uebench reproduce --all, then uebench table {name}")
    tables.check(form)
    if out and not out.parent.is_dir():
        raise StoreError(f"--out {out}: no folder {out.parent}; make it first")
    request = Request(chosen, data or (), preset, Registry(plugin or ()), Store(results))
    if dry_run:
        _show_plan(request, as_json)
        return
    request.store.check_writable()
    failures = _train(request, device)
    reasons = _protect(request, device)
    outcomes = run.compute(request.cells(), request.store, device, jobs, force=False)
    run.notes(outcomes)
    reasons |= {address(o.cell): f"{o.status}: {o.reason}" for o in outcomes if o.record is None}
    records = request.records()
    shown = [views.page(one.name, request.roles, records, request.plugins, reasons) for one in chosen]
    text = "\n".join(tables.render(one, form) for one in shown)
    if out:
        with files.writing(out, "--out"):
            out.write_text(text)
    if as_json:
        output.print_json([one.document() for one in shown])
    else:
        typer.echo(text, nl=False)
    for failure in failures:
        output.note(f"failed: {failure}")
    if failures or any(reason.startswith("failed") for reason in reasons.values()):
        raise typer.Exit(1)


def _train(request: Request, device: str) -> list[str]:
    """Train once what other sets are to be protected with; return what failed."""
    failures = []
    for file, place in request.trainings().items():
        from uebench.api.fit import fit_once
        from uebench.cli.output import lines

        title = f"training {place.method} on {request.specs[place.trained_on]}"
        try:
            fit_once(
                place.method, request.specs[place.trained_on], request.plugins.preset, 0, file,
                registry=request.registry, store=request.store, device=device, progress=lines(title),
            )  # fmt: skip
        except StoreError:
            raise
        except UebenchError as error:
            failures.append(f"{title}: {error}")
    return failures


def _protect(request: Request, device: str) -> dict[tuple[str, str], str]:
    """Make the protected sets that are asked for without an attacker; return why some could not be made."""
    wanted = request.protections()
    if not wanted:
        return {}
    from uebench.cli.output import progress_bars
    from uebench.evaluation.runner import Runner
    from uebench.paper.match import address

    with progress_bars() as progress:
        made = Runner(request.store, device, progress=progress).protect(wanted)
    return {
        address(one): f"{'impossible' if one.reason else 'failed'}: {reason}"
        for one, reason in made
        if isinstance(reason, str)
    }


def _show_plan(request: Request, as_json: bool) -> None:
    from rich.table import Table

    from uebench.cli import output, run
    from uebench.planning.estimates import known_rates

    rates = known_rates(request.store)
    asked = {table.name: request.cells((table,)) for table in request.tables}
    cells = list({cell.key: cell for some in asked.values() for cell in some}.values())
    rows = [_sum(f"table {name}" if name.isdigit() else name, some, rates) for name, some in asked.items()]
    rows.append(_sum("distinct", cells, rates))
    first = [f"{place.method} on {request.specs[place.trained_on]}" for place in request.trainings().values()]
    if as_json:
        output.print_json({"tables": rows, "train_first": first})
        return
    if len(asked) == 1:
        run.show_plan(cells, request.store, as_json=False)
    shown = Table("", "cells", "done", "to run", "impossible", "training at most", box=None)
    for row in rows:
        time = output.seconds(row["estimated_seconds"]) + (f" and {row['unknown']} unknown" if row["unknown"] else "")
        shown.add_row(row["what"], *(str(row[name]) for name in ("cells", "done", "to_run", "impossible")), time)
    output.print_table(shown)
    for text in first:
        output.note(f"to train first: {text}; the cells that use it have no key before and are not counted")


def _sum(what: str, cells: Sequence[Cell], rates: Rates) -> dict[str, Any]:
    from uebench.planning.estimates import estimate

    todo = [cell for cell in cells if cell.status in ("to do", "damaged")]
    times = [estimate(cell, rates) for cell in todo]
    return {
        "what": what,
        "cells": len(cells),
        "done": sum(cell.status == "done" for cell in cells),
        "to_run": len(todo),
        "impossible": sum(cell.status == "impossible" for cell in cells),
        "estimated_seconds": sum(time for time in times if time is not None),
        "unknown": times.count(None),
    }
