"""``uebench leaderboard``: how the methods in a results folder rank, and what others submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, AsJson, Format, OnlyAttackers, OnlyPreset, OnlySets, Results


def leaderboard(
    entry: Annotated[
        list[Path] | None, typer.Argument(metavar="[ENTRY.json]...", help="Entries that uebench submit wrote.")
    ] = None,
    attacker: OnlyAttackers = None,
    data: OnlySets = None,
    preset: OnlyPreset = None,
    form: Format = "text",
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Rank the methods: clean test accuracy with its interval, drop, worst identity, cost.

    Without --attacker, methods rank by the attacker that most of them met. Entries stand below, with what they claim
    beside what was measured.
    """
    from uebench.analysis.leaderboard import benchmarks
    from uebench.cli import output
    from uebench.report import entries, page, ranking, tables
    from uebench.store.entry import read_entry
    from uebench.store.store import Store

    tables.check(form)
    store, submitted = Store(results), [read_entry(file) for file in entry or ()]
    records, damaged = page.select(store, preset, data or ())
    shown = ranking.page(benchmarks(records), attacker or ())
    output.print_page(entries.add(shown, submitted, store) if submitted else shown, form, as_json)
    output.note_damaged(damaged)
