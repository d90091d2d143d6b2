"""Output of ``uebench status --watch``: a display that is updated in place on a terminal, else a line per change."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from uebench.api.progress import FolderProgress, look
from uebench.cli.shared.terminal import say, visible
from uebench.report import text
from uebench.store.claims import Note
from uebench.store.record import Failure
from uebench.store.store import Store

MOST_LINES = 20
"""The most running tasks, and the most failures, in the display."""


def watch(store: Store, seconds: float) -> FolderProgress:
    """Show the progress of the work until nothing is left to do, and return how it ended.

    Args:
        store: The results folder.
        seconds: The interval between two updates.
    """
    if not sys.stdout.isatty():
        return _lines(store, seconds)
    with Live(console=Console(highlight=False, markup=False, emoji=False), auto_refresh=False) as live:
        while True:
            work = look(store)
            live.update(_page(work), refresh=True)
            if work.is_over:
                return work
            time.sleep(seconds)


def _lines(store: Store, seconds: float) -> FolderProgress:
    """Write a line for each task that starts or fails, and for each change of the counts."""
    counts, shown = "", set[str]()
    while True:
        work = look(store)
        news = [f"running: {_worker(note)}" for key, note in work.working.items() if key not in shown]
        news += [f"failed: {_failure(failure)}" for failure in work.failures if failure.key not in shown]
        shown = {*work.working, *(failure.key for failure in work.failures)}
        for line in news:
            say(line)
        if news or str(work) != counts:
            say(counts := str(work))
            sys.stdout.flush()
        if work.is_over:
            return work
        time.sleep(seconds)


def _page(work: FolderProgress) -> Text:
    lines = [f"running  {_progress(note)}" for note in list(work.working.values())[:MOST_LINES]]
    lines += [f"failed   {_failure(failure)}" for failure in work.failures[:MOST_LINES]]
    return Text(visible("\n".join([*lines, str(work)])), no_wrap=True, overflow="ellipsis")


def _progress(note: Note) -> str:
    steps = f"{note.what} ({note.done}/{note.total}), " if note.total else ""
    elapsed = text.seconds(round(max(0.0, time.time() - note.since)))
    return f"{note.title}: {steps}{elapsed}, {note.host}, process {note.pid}"


def _worker(note: Note) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note.since))
    return f"{note.title}: {note.host}, process {note.pid}, since {since}"


def _failure(failure: Failure) -> str:
    return f"{failure.key[:12]}  {failure.title}: {failure.message}"
