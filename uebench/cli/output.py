"""Words and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from uebench.analysis.statistics import wilson
from uebench.plugins.spec import format_value

if TYPE_CHECKING:
    from rich.table import Table

    from uebench.planning.cell import Protection
    from uebench.progress import Progress


def print_json(document: object) -> None:
    """Write one JSON document on stdout."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True))


def note(message: str) -> None:
    """Write one line for people on stderr."""
    typer.echo(f"uebench: {message}", err=True)


def print_table(table: Table) -> None:
    """Write a table on stdout, as wide as it needs where stdout is not a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table)


def percent(correct: int, n: int) -> str:
    """Return an accuracy in percent with its 95 % Wilson interval: ``11.7 [7.1, 18.6]``."""
    low, high = wilson(correct, n)
    return f"{100 * correct / n:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def quality(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return PSNR in dB, SSIM and LPIPS of a protected set, with a dash for what was not measured."""
    shown = {"psnr": ".1f", "ssim": ".4f", "lpips": ".4f"}
    psnr, ssim, lpips = ("-" if facts[name] is None else format(facts[name], form) for name, form in shown.items())
    return psnr, ssim, lpips


def seconds(value: float | None) -> str:
    """Return a duration: ``0.21 s``, ``93 s``, ``12 min``, ``3.4 h``."""
    if value is None:
        return "?"
    if value < 10:
        return f"{value:.2g} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def options(config: Mapping[str, Any]) -> str:
    """Return options in the grammar's spelling."""
    return ", ".join(f"{name}={format_value(value)}" for name, value in config.items())


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Show a progress bar on stderr, if that is a terminal, else a line now and then.

    Yields:
        What ``Runner`` takes as ``progress``: called with a piece of work, returns where its progress goes.
    """
    if not sys.stderr.isatty():
        yield lines_of
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Bars(
        *(TextColumn(c) if isinstance(c, str) else c for c in columns), console=Console(stderr=True), transient=True
    )

    def start(work: Protection) -> Progress:
        task = bars.add_task(work.title, total=None)

        def show(done: int, total: int, text: str) -> None:
            bars.update(task, completed=done, total=total, description=f"{work.title}: {text}")

        for other in bars.task_ids[:-1]:
            bars.remove_task(other)
        return show

    with bars:
        yield start


def lines_of(work: Protection) -> Progress:
    """Return the progress in lines of a piece of work."""
    return lines(work.title)


def lines(title: str) -> Progress:
    """Return a progress that writes a line on stderr for each new stage and each quarter of it."""
    last: list[object] = [None]

    def show(done: int, total: int, text: str) -> None:
        stage = (text.split(",")[0], 4 * done // total)
        if stage != last[0]:
            note(f"{title}: {text} ({done}/{total})")
        last[0] = stage

    return show
