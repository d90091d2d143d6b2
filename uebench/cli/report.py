"""``uebench report``: write an HTML page of all records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import ReadResults


def report(
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="HTML file to write.")],
    preset: Annotated[str | None, typer.Option("--preset", help="Only records of this preset.")] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="NAME", help="Only this data set. Repeatable.")
    ] = None,
    results: ReadResults = RESULTS,
) -> None:
    """Write an HTML page of all records.

    The page is self-contained. It shows rankings, heat maps, curves, costs and every cell.
    """
    from uebench.cli.shared.output import note, note_damaged
    from uebench.report import files

    files.check(html, "--html", (".html", ".htm"))

    from uebench.analysis.selection import select
    from uebench.report.html import document
    from uebench.store.atomic import write
    from uebench.store.store import Store

    store = Store(results)
    records, damaged = select(store, preset, data or ())
    write(html, document.render(records, store), "--html")
    note(f"{html}: {len(records)} records of {results}")
    note_damaged(damaged)
