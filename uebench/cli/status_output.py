"""How far the work is, again and again: in place on a terminal, else a line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
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
            live.update(_page(standing), refresh=True)
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


def _page(standing: Standing) -> Text:
    lines = [f"running  {_how_far(note)}" for note in list(standing.working.values())[:SHOWN]]
    lines += [f"failed   {_why(failure)}" for failure in standing.failures[:SHOWN]]
    return Text(visible("\n".join([*lines, str(standing)])), no_wrap=True, overflow="ellipsis")


def _how_far(note: Note) -> str:
    progress = f"{note.what} ({note.done}/{note.total}), " if note.total else ""
    since = text.seconds(round(max(0.0, time.time() - note.since)))
    return f"{note.title}: {progress}{since}, {note.host}, process {note.pid}"


def _who(note: Note) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note.since))
    return f"{note.title}: {note.host}, process {note.pid}, since {since}"


def _why(failure: Failure) -> str:
    return f"{failure.key[:12]}  {failure.title}: {failure.message}"
