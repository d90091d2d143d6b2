"""``uebench table``: show a table of the Segue paper with reported and measured numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import AsJson, Format, Plugins, PresetName, ReadResults
from uebench.plugins.presets import DEFAULT


def table(
    name: Annotated[str, typer.Argument(help="1 to 9, figure4.1 to figure4.4, or claims.")],
    form: Format = "text",
    preset: PresetName = DEFAULT,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="A measured set, by name, or ROLE=NAME. Repeatable.")
    ] = None,
    drawing: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Also draw the accuracies (PNG, SVG, PDF)."),
    ] = None,
    measured: Annotated[bool, typer.Option("--measured", help="Only rows with a measured number.")] = False,
    plugin: Plugins = None,
    results: ReadResults = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a table of the Segue paper.

    Reported numbers stand beside those from the results folder. Nothing is computed.
    """
    from uebench.cli.shared import output
    from uebench.plugins.registry import Registry
    from uebench.report import files, formats
    from uebench.report.pages import filled_tables
    from uebench.store.store import Store

    formats.check(form)
    if drawing:
        files.check(drawing, "--figure")
    view = filled_tables.measured(
        name, preset=preset, data=data or (), registry=Registry(plugin or ()), store=Store(results),
        without_gaps=measured,
    )  # fmt: skip
    if view.others:
        output.note(
            f"showing {view.main}, which has the most results; --data chooses another set: {', '.join(view.others)}"
        )
    output.note_damaged(view.damaged)
    output.print_page(view.page, form, as_json)
    if drawing:
        from uebench.report.figures import beside

        records = beside.drawn_from(view.filled)
        files.save(beside.figure(view.filled), drawing, "--figure", records)
        output.note_drawn(drawing, records)
