"""Output of commands: notes, tables and progress for readers, and JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from uebench.cli.shared.terminal import say, visible
from uebench.errors import counted

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from uebench.planning.cell import CellSpec, ProtectionSpec
    from uebench.progress import Progress, ProgressFor
    from uebench.report.formats import Page


def print_json(document: object) -> None:
    """Write one JSON document on stdout."""
    say(json.dumps(document, indent=2, sort_keys=True, default=str))


def print_page(page: Page, form: str, as_json: bool) -> None:
    """Write a page on stdout, in a format of ``uebench.report.formats`` or as one JSON document.

    Args:
        page: The page.
        form: The format.
        as_json: Write JSON instead.
    """
    if as_json:
        print_json(page.document())
    else:
        say(page.text(form), end="")


def note(message: str) -> None:
    """Write a note on stderr, as one line."""
    typer.echo(visible(f"uebench: {' '.join(message.splitlines())}"), err=True)


def note_drawn(file: Path, records: Sized) -> None:
    """Write a note about a figure that was written."""
    note(f"{file}: drawn from {counted(len(records), 'record')}")


def note_slow(specs: Sequence[ProtectionSpec]) -> None:
    """Write a note about the protected sets that were not made because they may take long, if there are any."""
    if specs:
        names = ", ".join(spec.method.written for spec in specs)
        note(f"left out: {names}: their sets are not stored here and may take long; name them with --method")


def note_damaged(paths: Sequence[Path]) -> None:
    """Write a note about the damaged records that were left out, if there are any."""
    if paths:
        named = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
        note(f"{counted(len(paths), 'damaged record')} left out: {named}; uebench store verify explains")


def print_table(table: Table, spare: Collection[str] = ()) -> None:
    """Write a table on stdout, up to 200 columns wide if that is not a terminal. Its texts are not taken for markup.

    Args:
        table: The table. Long texts are broken into lines and never shortened.
        spare: Headers of columns to leave out if the terminal is too narrow for all.
    """
    from rich.console import Console
    from rich.table import Column, Table

    def plain(columns: Sequence[Column]) -> Table:
        made = Table(*(Column(visible(str(column.header)), overflow="fold") for column in columns), box=table.box)
        for cells in zip(*(column.cells for column in columns), strict=True):
            made.add_row(*(visible(str(cell)) for cell in cells))
        return made

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=200)
    whole = plain(table.columns)
    if spare and Console(width=10_000).measure(whole).maximum > console.width:
        whole = plain([column for column in table.columns if column.header not in spare])
    console.print(whole)


@contextmanager
def progress_bars() -> Iterator[ProgressFor]:
    """Show progress bars on stderr if that is a terminal, else lines.

    Yields:
        The argument ``progress`` for functions of ``uebench.api``.
    """
    if not sys.stderr.isatty():
        yield lines
        return
    import threading

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Bars(*columns, console=Console(stderr=True, emoji=False), transient=True)

    lock = threading.Lock()  # there is a thread for each process that computes

    def start(title: str) -> Progress:
        with lock:
            for ended in [task.id for task in bars.tasks if task.finished]:
                bars.remove_task(ended)
            task = bars.add_task(visible(title), total=None)

        def show(done: int, total: int, text: str) -> None:
            nonlocal task
            with lock:
                if task not in bars.task_ids:  # removed because an earlier part of this work had finished
                    task = bars.add_task(visible(title), total=None)
                bars.update(task, completed=done, total=total or None, description=visible(f"{title}: {text}"))

        return show

    with bars:
        yield start


def lines(title: str) -> Progress:
    """Return a callback that writes a line on stderr for each part of the work and for each quarter of it."""
    last: tuple[str, int] | None = None

    def show(done: int, total: int, text: str) -> None:
        nonlocal last
        quarter = (text.split(",")[0], 4 * done // max(total, 1))
        if quarter != last:
            note(f"{title}: {text}" + (f" ({done}/{total})" if total else ""))
        last = quarter

    return show


def names_of_sets(cells: Iterable[CellSpec]) -> dict[str, str]:
    """Return the name of each cell's data set by the cell's key, with a number where two sets share a name."""
    from uebench.analysis.labels import set_names

    cells = list(cells)
    names = set_names((one.data.key, one.protection.preset, one.data.name) for one in cells)
    return {one.key: names[one.data.key, one.protection.preset] for one in cells}
