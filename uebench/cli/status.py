"""``uebench status``: list the contents of a results folder."""

from __future__ import annotations

from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import AsJson, Plugins, ReadResults
from uebench.cli.shared.terminal import say
from uebench.errors import StoreError, UsageError


def status(
    seconds: Annotated[
        float | None,
        typer.Argument(metavar="SECONDS", min=0.1, max=86_400, help="Interval of --watch, in seconds [default: 2]."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show the running tasks of all machines until nothing is left to do.")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="List only cells with a plugin whose source has changed since.")
    ] = False,
    plugin: Plugins = None,
    results: ReadResults = RESULTS,
    as_json: AsJson = False,
) -> None:
    """List the contents of a results folder.

    It lists the records of cells, damaged records and failures, and counts the protected sets.
    """
    from uebench.api import status
    from uebench.cli.shared import output
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    if watch and (stale or plugin or as_json):
        raise UsageError("--watch: shows work while it is done; leave out --stale, --plugin and --json")
    if seconds is not None and not watch:
        raise UsageError(f"SECONDS {seconds:g}: is the interval of --watch; add --watch, or leave it out")
    if watch:
        from uebench.api.workspace import existing
        from uebench.cli.shared import status_output
        from uebench.cli.shared.computing import FAILED

        if status_output.watch(existing(results), seconds or 2.0).failures:
            raise typer.Exit(FAILED)
        return
    contents = status.status(Store(results), Registry(plugin or ()), stale_only=stale)
    if as_json:
        output.print_json(contents.document())
    else:
        for line in contents.cells:
            say(str(line))
        say(f"{contents.summary} in {results}")
        for failure in contents.failures:
            output.note(f"failed: {failure.key[:12]}  {failure.title}: {failure.message}")
    if damaged := contents.damaged:
        raise StoreError(
            f"{damaged[0]}: damaged ({len(damaged)} in all; uebench store verify lists them); run the command of that "
            "cell again (for a protected set: uebench audit), or delete it"
        )
