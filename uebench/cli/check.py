"""``uebench check``: check plugins against their contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import AsJson, Plugins
from uebench.cli.shared.terminal import say
from uebench.plugins.scan import KINDS

if TYPE_CHECKING:
    from uebench.testing import Outcome


def check(
    plugin_or_file: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|NAME",
            help="Python files with plugins, or name(option=value).",
            autocompletion=complete.plugins(*KINDS),
        ),
    ],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Check plugins against their contract.

    The checks are about shapes, budget, seeds, resuming, documentation and more. The exit code is 1 if one fails.
    """
    from uebench.api.check import check as check_plugins
    from uebench.cli.shared.output import print_json

    running = check_plugins(plugin_or_file, plugin or ())
    outcomes = list(running) if as_json else _print(running)
    if as_json:
        print_json([asdict(outcome) for outcome in outcomes])
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _print(running: Iterator[Outcome]) -> list[Outcome]:
    """Print each outcome as soon as it is known, and the counts of each plugin; return the outcomes."""
    outcomes = []
    for (kind, name), of_plugin in groupby(running, lambda outcome: (outcome.kind, outcome.plugin)):
        say(f"{kind} {name}")
        counts = dict.fromkeys(("ok", "skipped", "failed"), 0)
        for outcome in of_plugin:
            say(_line(outcome))
            counts[outcome.status] += 1
            outcomes.append(outcome)
        say(f"  {', '.join(f'{count} {status}' for status, count in counts.items() if count)}\n")
    return outcomes


def _line(outcome: Outcome) -> str:
    match outcome.status:
        case "failed":
            return f"  FAILED   {outcome.check:9} {outcome.line + ': ' if outcome.line else ''}{outcome.reason}"
        case "skipped":
            return f"  skipped  {outcome.check:9} {outcome.sentence} ({outcome.reason})"
    return f"  ok       {outcome.check:9} {outcome.sentence}"
