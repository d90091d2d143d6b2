"""``uebench store``: verify a results folder, delete garbage, merge other folders into it, export its records."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from uebench.cli import RESULTS
from uebench.cli.shared.options import AsJson, Results
from uebench.cli.shared.terminal import say
from uebench.errors import StoreError

app = typer.Typer(help="Maintain a results folder.")


@app.command()
def verify(results: Results = RESULTS, as_json: AsJson = False) -> None:
    """Verify all files of a results folder.

    Every record, protected set and kept model is checked: digest, schema and key. The exit code is 4 if one is damaged.
    """
    from uebench.api import results_folder
    from uebench.cli.shared import output

    verified = results_folder.verify(results)
    if as_json:
        output.print_json(asdict(verified))
    else:
        for fault in verified.faults:
            say(fault)
        say(
            f"verified {verified.cells} cells, {verified.protected} records of protected sets, {verified.blobs} "
            f"protected sets and {verified.models} models: {len(verified.faults)} damaged"
        )
    if verified.faults:
        raise StoreError(
            f"{results}: {len(verified.faults)} damaged; run the commands of these cells again (for a protected set: "
            "uebench audit; for a model: with --keep-models --force)"
        )


@app.command()
def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Delete what is listed.")] = False,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """List garbage, or delete it.

    Garbage is what nothing refers to and no running process uses.
    """
    from uebench.api import results_folder
    from uebench.cli.shared import output

    garbage = results_folder.gc(results, delete=delete)
    size = sum(item.size for item in garbage)
    if as_json:
        files = [{"path": str(item.path), "reason": item.reason, "bytes": item.size} for item in garbage]
        output.print_json({"files": files, "bytes": size, "deleted": delete})
        return
    locks = [item.path for item in garbage if item.path.suffix in (".lock", ".lease")]
    for item in garbage:
        if item.path not in locks:
            say(f"{item.path}: {item.reason}, {item.size / 1e6:.1f} MB")
    if locks:  # one for each key that was ever computed
        say(f"{locks[0].parent}: {len(locks)} locks that nobody holds")
    outcome = "deleted" if delete else "--delete deletes this" if garbage else "nothing to delete"
    say(f"{len(garbage)} in all, {size / 1e6:.1f} MB; {outcome}")


@app.command()
def merge(
    others: Annotated[list[Path], typer.Argument(metavar="DIR", help="Results folders to copy from.")],
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Merge other results folders into one.

    Records, protected sets and models are copied; existing files stay. Damaged files, and files that differ from the
    existing one, are listed and not copied; the exit code is then 4.
    """
    from uebench.api import results_folder
    from uebench.cli.shared import output

    files = results_folder.merge(others, results)
    counts = Counter(file.outcome for file in files)
    if as_json:
        output.print_json([asdict(file) | {"path": str(file.path)} for file in files])
    else:
        for file in files:
            if file.reason:
                say(f"{file.outcome}: {file.reason}")
        say(f"files copied: {counts['taken']}, here already: {counts['same']}")
    if any(file.reason for file in files):
        left = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("conflict", "damaged", "busy"))
        raise StoreError(f"files not copied: {left}; they are named above, and stay as they are in both folders")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file to write: .csv or .parquet.")],
    results: Results = RESULTS,
) -> None:
    """Write the records of all cells as a table.

    The table is CSV, or Parquet if pyarrow is installed.
    """
    from uebench.api import results_folder
    from uebench.cli.shared import output

    count, damaged = results_folder.export_records(file, results)
    output.note(f"{file}: {count} records of {results}")
    output.note_damaged(damaged)
