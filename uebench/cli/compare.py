"""``uebench compare``: paired comparisons of the methods in a results folder."""

from __future__ import annotations

from typing import Annotated

import typer

from uebench.cli.options import RESULTS, AsJson, Results
from uebench.cli.terminal import say

Words = list[str] | None


def compare(
    method: Annotated[Words, typer.Option("--method", help="Only these, by name or as written. Repeatable.")] = None,
    attacker: Annotated[
        Words, typer.Option("--attacker", help="Only these, as resnet18 or resnet18+jpeg, or as written. Repeatable.")
    ] = None,
    data: Annotated[Words, typer.Option("--data", help="Only these measured sets. Repeatable.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Only smoke, desk, desk64 or paper.")] = None,
    form: Annotated[str, typer.Option("--format", help="text, md, tex, csv or html.")] = "text",
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compare every two methods that met the same attacker on the same photographs: difference, interval, p value."""
    from uebench.analysis.comparison import compare as paired
    from uebench.cli import output
    from uebench.report import comparisons, page, tables
    from uebench.store.store import Store

    tables.check(form)
    records, damaged = page.select(Store(results), preset, data or ())
    shown = comparisons.page(paired(records, method or (), attacker or ()))
    if as_json:
        output.print_json(shown.document())
    else:
        say(tables.render(shown, form), end="")
    if damaged:
        output.note(f"{damaged} damaged records left out; uebench status names them")
