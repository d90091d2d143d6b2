"""``uebench leaderboard``: how the methods in a results folder rank."""

from __future__ import annotations

from uebench.cli.options import RESULTS, AsJson, Format, OnlyAttackers, OnlyPreset, OnlySets, Results


def leaderboard(
    attacker: OnlyAttackers = None,
    data: OnlySets = None,
    preset: OnlyPreset = None,
    form: Format = "text",
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Rank the methods: clean test accuracy with its interval, drop, worst identity, cost.

    Without --attacker, methods rank by the attacker that most of them met.
    """
    from uebench.analysis.leaderboard import benchmarks
    from uebench.cli import output
    from uebench.report import page, ranking, tables
    from uebench.store.store import Store

    tables.check(form)
    records, damaged = page.select(Store(results), preset, data or ())
    output.print_page(ranking.page(benchmarks(records), attacker or ()), form, as_json)
    output.note_damaged(damaged)
