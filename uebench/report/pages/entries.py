"""Leaderboard entries as tables of claimed and measured accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from uebench.analysis.entry import check
from uebench.analysis.labels import set_names
from uebench.analysis.runs import is_clean
from uebench.analysis.selection import consistent_cells
from uebench.errors import UebenchError
from uebench.planning.parts import attacker_parts
from uebench.plugins.registry import Registry
from uebench.report.caveats import of_presets
from uebench.report.command import spelled_attacker
from uebench.report.formats import Block, Page
from uebench.report.text import or_dash, with_interval
from uebench.store.entry import EntryResult, LeaderboardEntry
from uebench.store.record import Record
from uebench.store.store import Store

MORE_COLUMNS = ("called", "claimed", "claim", "clean", "by", "date", "records")
"""The columns of the rows of entries, besides those of the ranking."""
HEADER = (
    "called", "method", "claimed, %", "measured, % [95%]", "claim", "unprotected, % [95%]", "seeds", "n", "by",
    "date", "records",
)  # fmt: skip
NOTES = (
    "called: the name of the attacker in the study of the submitter, who named method and data set too",
    "entries: measured accuracies come from the submitter's records, and entries are not ranked. claim: as measured if "
    "the claimed accuracy lies in the interval, not reached if the attacker recognises more, surpassed if less",
    "records: how many of the records behind a number are in this results folder; differs: one has other content than "
    "the entry says, or they give another entry; clean unchecked: those of the clean reference are not here. "
    "docs/leaderboard.md says what this proves",
)


def add(
    page: Page,
    entries: Sequence[LeaderboardEntry],
    store: Store,
    preset: str | None = None,
    data: Sequence[str] = (),
    attackers: Sequence[str] = (),
) -> Page:
    """Return the leaderboard with entries below it, in a block for each data set, preset and attacker.

    Args:
        page: The leaderboard.
        entries: The entries; at least one.
        store: The store in which their records are looked up.
        preset: Only numbers of this preset; None for all.
        data: Only numbers on these sets, as the records here or the entries name them; empty for all.
        attackers: Only these attackers, by name or as written; empty for all.
    """
    registry, (records, _) = Registry(), consistent_cells(store)
    references = [record for record in records if is_clean(record)]
    keys = {record.data_key for record in records if record.data.name in data}
    groups: dict[tuple[str, str, str], list[tuple[LeaderboardEntry, EntryResult]]] = {}
    for entry in entries:
        for result in entry.results if preset in (None, entry.preset) else ():
            if data and result.data.name not in data and result.data_key not in keys:
                continue
            if attackers and not any(_is(result, text, entry.preset, registry) for text in attackers):
                continue
            parts = " ".join(part.model_dump_json() for part in result.attacker)
            groups.setdefault((parts, result.data_key, entry.preset), []).append((entry, result))
    if not groups:
        return page
    named = [(record.data_key, record.preset, record.data.name) for record in records]
    names = set_names([*named, *((key, used, pairs[0][1].data.name) for (_, key, used), pairs in groups.items())])
    blocks, rows = list(page.blocks), list(page.rows)
    for (_, key, used), pairs in groups.items():
        attacker = spelled_attacker(pairs[0][1].attacker, used, registry)
        order = sorted(pairs, key=lambda pair: pair[1].measured.mean)
        named_set, chance = {"data": names[key, used]}, 100 * pairs[0][1].data.chance
        block_rows = [_row(attacker, entry, result, store, references) | named_set for entry, result in order]
        title = f"Entries against {attacker} on {names[key, used]}, preset {used}, chance {chance:.1f}%"
        blocks.append(Block(title, HEADER, [_line(row) for row in block_rows]))
        rows += block_rows
    notes = [*(page.notes if page.rows else ()), *NOTES, *of_presets({used for _, _, used in groups})]
    return replace(
        page, blocks=blocks, rows=rows, notes=list(dict.fromkeys(notes)), columns=(*page.columns, *MORE_COLUMNS)
    )


def _is(result: EntryResult, text: str, preset: str, registry: Registry) -> bool:
    """Return whether a number is one against an attacker that a user names."""
    if text == "+".join(part.name for part in result.attacker):
        return True
    try:
        parts = attacker_parts(registry, text, preset)
    except UebenchError:
        return False
    return [part.published() for part in parts] == [part.identity for part in result.attacker]


def _row(
    attacker: str, entry: LeaderboardEntry, result: EntryResult, store: Store, references: Sequence[Record]
) -> dict[str, Any]:
    measured, clean = result.measured, result.clean
    return {
        "preset": entry.preset, "attacker": attacker, "called": result.name,
        "method": entry.name,
        "accuracy": measured.mean, "low": measured.low, "high": measured.high,
        "drop": round(clean.mean - measured.mean, 2) if clean else None, "seeds": result.seeds, "n": result.n,
        "claimed": result.claimed, "claim": _verdict(result),
        "clean": with_interval(clean.mean, clean.low, clean.high) if clean else None, "by": entry.by,
        "date": entry.date.isoformat(), "records": check(entry, result, store, references),
    }  # fmt: skip


def _verdict(result: EntryResult) -> str:
    if result.claimed is None:
        return "-"
    if result.claimed < result.measured.low:
        return "not reached"
    return "surpassed" if result.claimed > result.measured.high else "as measured"


def _line(row: dict[str, Any]) -> list[str]:
    return [
        row["called"], row["method"], or_dash(row["claimed"]),
        with_interval(row["accuracy"], row["low"], row["high"]),
        row["claim"], row["clean"] or "-", row["seeds"], str(row["n"]), row["by"], row["date"], row["records"],
    ]  # fmt: skip
