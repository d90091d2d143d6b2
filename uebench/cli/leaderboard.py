"""``uebench leaderboard``: rank the methods in a results folder, and show submitted entries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import AsJson, Format, OnlyAttackers, OnlyPreset, OnlySets, ReadResults


def leaderboard(
    entry: Annotated[
        list[Path] | None, typer.Argument(metavar="ENTRY.json", help="Entries that uebench submit wrote.")
    ] = None,
    attacker: OnlyAttackers = None,
    data: OnlySets = None,
    preset: OnlyPreset = None,
    form: Format = "text",
    results: ReadResults = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Rank the methods in a results folder.

    It shows clean test accuracy with its interval, drop, worst identity and cost. Without --attacker, methods are
    ranked against the attacker that most of them faced. Submitted entries follow, with claimed and measured accuracies.
    """
    from uebench.analysis.leaderboard import benchmarks
    from uebench.analysis.selection import select
    from uebench.cli.shared import output
    from uebench.report import formats
    from uebench.report.pages import entries, ranking
    from uebench.store.entry import read_entry
    from uebench.store.store import Store

    formats.check(form)
    store, submitted = Store(results), [read_entry(file) for file in entry or ()]
    records, damaged = select(store, preset, data or ())
    ranked = ranking.page(benchmarks(records), attacker or ())
    shown = entries.add(ranked, submitted, store, preset, data or (), attacker or ()) if submitted else ranked
    output.print_page(shown, form, as_json)
    output.note_damaged(damaged)
