"""``uebench new``: write a new plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.shared.terminal import say
from uebench.plugins.scan import KINDS


def new(
    kind: Annotated[
        str, typer.Argument(help="method, attacker, countermeasure or source.", autocompletion=lambda: KINDS)
    ],
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and underscores.")],
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write [default: NAME.py].")] = None,
) -> None:
    """Write a new plugin from a template.

    The file runs as it is and has comments. The output shows how to check and how to run it.
    """
    from uebench.api.new import new as write
    from uebench.api.new import next_steps

    file = write(kind, name, to)
    say(f"Wrote {file}. Edit it, then run:\n")
    for command in next_steps(kind, name, file):
        say(f"  {command}")
