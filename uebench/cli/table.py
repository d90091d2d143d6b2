"""``uebench table``: a table of the Segue paper, reported beside what the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, AsJson, Format, Plugins, PresetName, Results
from uebench.plugins.presets import DEFAULT


def table(
    name: Annotated[str, typer.Argument(help="1 to 9, figure4.1 to figure4.4, or claims.")],
    form: Format = "text",
    preset: PresetName = DEFAULT,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Name of a measured set, or ROLE=NAME. Repeatable.")
    ] = None,
    drawing: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Also draw the accuracies (PNG, SVG, PDF)."),
    ] = None,
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a table of the Segue paper: reported numbers beside those in the results folder."""
    from uebench.cli import output
    from uebench.plugins.registry import Registry
    from uebench.report import files, tables, views
    from uebench.store.store import Store

    tables.check(form)
    if drawing:
        files.check(drawing, "--figure")
    found = views.measured(name, preset=preset, data=data or (), registry=Registry(plugin or ()), store=Store(results))
    if found.others:
        output.note(
            f"shown for {found.main}, which has most results; --data chooses another set: {', '.join(found.others)}"
        )
    output.note_damaged(found.damaged)
    output.print_page(found.page, form, as_json)
    if drawing:
        from uebench.report import beside

        files.save(beside.figure(found.filled), drawing, "--figure", beside.drawn_from(found.filled))
