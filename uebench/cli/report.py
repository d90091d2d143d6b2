"""``uebench report``: one page of all records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, Results
from uebench.errors import UsageError, nearest


def report(
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Where the page goes.")],
    preset: Annotated[str | None, typer.Option("--preset", help="Only records of smoke, desk or paper.")] = None,
    data: Annotated[list[str] | None, typer.Option("--data", metavar="NAME", help="Only this set. Repeatable.")] = None,
    results: Results = RESULTS,
) -> None:
    """Write one self-contained HTML page of the records: rankings, heat maps, curves, costs, every cell."""
    from uebench.cli.output import note
    from uebench.plugins import presets
    from uebench.report import files

    files.check(html, "--html", (".html", ".htm"))
    if preset:
        presets.get(preset)

    from uebench.report import page
    from uebench.store.store import Store

    store = Store(results)
    found = list(store.cells())
    records = [record for _, record in found if record and preset in (None, record["preset"])]
    names = {record["data"]["name"] for record in records}
    for name in data or ():
        if name not in names:
            raise UsageError(f"--data {name}: no record of that set; {nearest(name, names)}")
    records = [record for record in records if not data or record["data"]["name"] in data]
    with files.writing(html, "--html"):
        html.write_text(page.render(records, store), encoding="utf-8")
    note(f"{html}: {len(records)} records of {results}")
    if damaged := sum(record is None for _, record in found):
        note(f"{damaged} damaged records left out; uebench status names them")
