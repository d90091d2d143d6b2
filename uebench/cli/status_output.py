"""How far the work is, again and again: in place on a terminal, else a line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from uebench.cli.terminal import say, visible
from uebench.report import text
from uebench.report.standing import Standing, Watch
from uebench.store.claims import Note
from uebench.store.record import Failure
from uebench.store.store import Store

SHOWN = 20
"""Lines of each kind in place, at most."""


def watch(store: Store, seconds: float) -> Standing:
    """Show how far the work is until nothing is left to do, and return how it ended.

    Args:
        store: The results folder.
        seconds: Between two looks.
    """
    look = Watch(store).look
    if not sys.stdout.isatty():
        return _lines(look, seconds)
    with Live(console=Console(highlight=False, markup=False, emoji=False), auto_refresh=False) as live:
        while True:
            standing = look()
            live.update(_table(standing), refresh=True)
            if standing.is_over:
                return standing
            time.sleep(seconds)


def _lines(look: Callable[[], Standing], seconds: float) -> Standing:
    """Write a line for each change: what is begun, what failed, and the counts."""
    before, told = "", set[str]()
    while True:
        standing = look()
        news = [f"running: {_who(note)}" for key, note in standing.working.items() if key not in told]
        news += [f"failed: {_why(failure)}" for failure in standing.failures if failure.key not in told]
        told = {*standing.working, *(failure.key for failure in standing.failures)}
        for line in news:
            say(line)
        if news or str(standing) != before:
            say(before := str(standing))
            sys.stdout.flush()
        if standing.is_over:
            return standing
        time.sleep(seconds)


def _table(standing: Standing) -> Table:
    table = Table.grid(padding=(0, 2))
    for note in list(standing.working.values())[:SHOWN]:
        progress = f"{note.done}/{note.total}" if note.total else ""
        since = text.seconds(max(0.0, time.time() - note.since))
        row = ("running", note.title, f"{note.host}, process {note.pid}", since, f"{note.what} {progress}")
        table.add_row(*(Text(visible(cell)) for cell in row))
    for failure in standing.failures[:SHOWN]:
        table.add_row("failed", *(Text(visible(cell)) for cell in (failure.title, failure.message)))
    table.add_row("", Text(str(standing)))
    return table


def _who(note: Note) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note.since))
    return f"{note.title}: {note.host}, process {note.pid}, since {since}"


def _why(failure: Failure) -> str:
    return f"{failure.key[:12]}  {failure.title}: {failure.message}"
