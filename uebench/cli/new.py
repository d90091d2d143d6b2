"""``uebench new``: a plugin of one's own to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.terminal import say
from uebench.plugins.scan import KINDS


def new(
    kind: Annotated[
        str, typer.Argument(help="method, attacker, countermeasure or source.", autocompletion=lambda: KINDS)
    ],
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and underscores.")],
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Where it goes [default: NAME.py].")] = None,
) -> None:
    """Write a plugin that runs, in one commented file, and say how to check and to run it."""
    from uebench.api.new import new as write
    from uebench.api.new import next_steps

    file = write(kind, name, to)
    say(f"{file} is written. Edit it, then:\n")
    for command in next_steps(kind, name, file):
        say(f"  {command}")
