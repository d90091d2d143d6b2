"""``uebench store``: check a results folder, tidy it, merge others into it, export its records."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from uebench.cli.options import RESULTS, AsJson, Results
from uebench.cli.terminal import say
from uebench.errors import StoreError

app = typer.Typer(help="Check the results folder, tidy it, merge others into it, export its records.")


@app.command()
def verify(results: Results = RESULTS, as_json: AsJson = False) -> None:
    """Check every record, protected set and kept model against digest, schema and key. Exit code 4 on faults."""
    from uebench.api import results_folder
    from uebench.cli import output

    found = results_folder.verify(results)
    if as_json:
        output.print_json(asdict(found))
    else:
        for fault in found.faults:
            say(fault)
        say(
            f"verified {found.cells} cells, {found.protected} records of protected sets, {found.blobs} protected sets "
            f"and {found.models} models: {len(found.faults)} damaged"
        )
    if found.faults:
        raise StoreError(
            f"{results}: {len(found.faults)} damaged; run the commands of these cells again (for a protected set: "
            "uebench audit; for a model: with --keep-models --force)"
        )


@app.command()
def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is listed.")] = False,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """List what nothing refers to, with its size; --delete deletes it. What a running process holds is left alone."""
    from uebench.api import results_folder
    from uebench.cli import output

    found = results_folder.gc(results, delete=delete)
    size = sum(one.size for one in found)
    if as_json:
        files = [{"path": str(one.path), "reason": one.reason, "bytes": one.size} for one in found]
        output.print_json({"files": files, "bytes": size, "deleted": delete})
        return
    locks = [one.path for one in found if one.path.suffix in (".lock", ".lease")]
    for one in found:
        if one.path not in locks:
            say(f"{one.path}: {one.reason}, {one.size / 1e6:.1f} MB")
    if locks:  # one for each key that was ever computed
        say(f"{locks[0].parent}: {len(locks)} locks that nobody holds")
    what = "deleted" if delete else "--delete deletes this" if found else "nothing to delete"
    say(f"{len(found)} in all, {size / 1e6:.1f} MB; {what}")


@app.command()
def merge(
    others: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Results folders to take from.")],
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Take in the records, protected sets and models of other results folders. Exit code 4 if some were not taken.

    What is here already stays. A file that differs from the one here is named and left out, as is a damaged one.
    """
    from uebench.api import results_folder
    from uebench.cli import output

    files = results_folder.merge(others, results)
    counts = Counter(one.outcome for one in files)
    if as_json:
        output.print_json([asdict(one) | {"path": str(one.path)} for one in files])
    else:
        for one in files:
            if one.reason:
                say(f"{one.outcome}: {one.reason}")
        say(f"files taken: {counts['taken']}, here already: {counts['same']}")
    if any(one.reason for one in files):
        left = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("conflict", "damaged", "busy"))
        raise StoreError(f"files not taken: {left}; they are named above, and stay as they are in both folders")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file to write: .csv or .parquet.")],
    results: Results = RESULTS,
) -> None:
    """Write the records of all cells as one table: CSV, or Parquet if pyarrow is installed."""
    from uebench.api import results_folder
    from uebench.cli import output

    count, damaged = results_folder.export(file, results)
    output.note(f"{file}: {count} records of {results}")
    output.note_damaged(damaged)
