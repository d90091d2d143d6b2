"""``uebench check``: whether plugins keep their contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli import complete
from uebench.cli.options import AsJson, Plugins
from uebench.cli.terminal import say
from uebench.plugins.scan import KINDS

if TYPE_CHECKING:
    from uebench.testing import Outcome


def check(
    plugin_or_file: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|NAME...",
            help="Python files with plugins, or name(option=value).",
            autocompletion=complete.plugins(*KINDS),
        ),
    ],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Check whether plugins keep their contract: shapes, budget, seeds, resuming, documentation and more.

    The exit code is 1 if a check fails.
    """
    from uebench.api.check import check as check_plugins
    from uebench.cli.output import print_json

    outcomes = check_plugins(plugin_or_file, plugin or ())
    found = list(outcomes) if as_json else _printed(outcomes)
    if as_json:
        print_json([asdict(one) for one in found])
    if any(one.status == "failed" for one in found):
        raise typer.Exit(1)


def _printed(outcomes: Iterator[Outcome]) -> list[Outcome]:
    """Print each outcome when it is there, and a count for each plugin."""
    found = []
    for (kind, name), own in groupby(outcomes, lambda one: (one.kind, one.plugin)):
        say(f"{kind} {name}")
        counts = dict.fromkeys(("ok", "skipped", "failed"), 0)
        for one in own:
            say(_line(one))
            counts[one.status] += 1
            found.append(one)
        say(f"  {', '.join(f'{count} {status}' for status, count in counts.items() if count)}\n")
    return found


def _line(one: Outcome) -> str:
    match one.status:
        case "failed":
            return f"  FAILED   {one.check:9} {one.line + ': ' if one.line else ''}{one.reason}"
        case "skipped":
            return f"  skipped  {one.check:9} {one.sentence} ({one.reason})"
    return f"  ok       {one.check:9} {one.sentence}"
