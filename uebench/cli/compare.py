"""``uebench compare``: paired comparisons of the methods in a results folder."""

from __future__ import annotations

from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import AsJson, Format, OnlyAttackers, OnlyPreset, OnlySets, ReadResults


def compare(
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Only this method, by name or as written. Repeatable.")
    ] = None,
    attacker: OnlyAttackers = None,
    data: OnlySets = None,
    preset: OnlyPreset = None,
    peak: Annotated[
        bool, typer.Option("--peak", help="Compare the best epochs, which no attacker knows, not the last.")
    ] = False,
    across: Annotated[
        str, typer.Option(metavar="OPTION", help="Compare the values of this option, such as precision, not methods.")
    ] = "",
    tested: Annotated[
        bool, typer.Option("--tested", help="Only pairs with a p value, in which both have three method seeds.")
    ] = False,
    form: Format = "text",
    results: ReadResults = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compare methods in pairs.

    For every two methods that faced the same attacker on the same photographs, it shows the difference of their
    accuracies with its interval and p value. With --across, it compares records that differ in one option of the
    method or of the attacker, and in nothing else.
    """
    from uebench.analysis.option_values import comparisons
    from uebench.analysis.selection import select
    from uebench.cli.shared import output
    from uebench.report import formats
    from uebench.report.pages.comparisons import page
    from uebench.store.store import Store

    formats.check(form)
    records, damaged = select(Store(results), preset, data or ())
    pairs = comparisons(records, method or (), attacker or (), peak, across)
    pairs = [pair for pair in pairs if pair.test.p is not None or not tested]
    output.print_page(page(pairs, peak, across, tested), form, as_json)
    output.note_damaged(damaged)
