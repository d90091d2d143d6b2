"""Keep a results folder in order: check it, tidy it, take in another one, write its records as a table."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from uebench.api.workspace import RESULTS, as_path, existing
from uebench.errors import StoreError, UsageError, in_words
from uebench.planning.cell import has_its_own_key
from uebench.store import gc as garbage
from uebench.store import merge as merging
from uebench.store import verify as verifying
from uebench.store.atomic import publish
from uebench.store.store import Store


def verify(results: str | Path = RESULTS) -> verifying.Verified:
    """Check every record, protected set and kept model: digest, schema, key, and each set against its record.

    Args:
        results: The results folder.

    Returns:
        What was looked at, with a line for each damaged file. None of these is believed: ``run`` computes it again.

    Raises:
        StoreError: If there is no such folder, or a newer version of uebench wrote it.
    """
    return verifying.verify(existing(results), has_its_own_key)


def gc(results: str | Path = RESULTS, *, delete: bool = False) -> list[garbage.Garbage]:
    """List what nothing refers to, except what a running process holds.

    These are the work of finished cells, temporary files, locks that nobody holds, protected sets without a record, and
    damaged failures.

    Args:
        results: The results folder.
        delete: Delete it, too.

    Raises:
        StoreError: If there is no such folder, or something cannot be deleted.
    """
    return garbage.gc(existing(results), delete=delete)


def merge(others: Iterable[str | Path], results: str | Path = RESULTS) -> list[merging.MergedFile]:
    """Take records, protected sets and kept models of other results folders into one; what is there already stays.

    Args:
        others: The folders to take from.
        results: The folder to take them into; it is made if there is none.

    Returns:
        What became of each file: a damaged one is refused, and one that says something else here is left out.

    Raises:
        UsageError: If one of ``others`` is no results folder.
        StoreError: If a folder cannot be used.
    """
    store = Store(as_path(results))
    return [file for other in others for file in merging.merge(store, Store(as_path(other)))]


def export(file: str | Path, results: str | Path = RESULTS) -> tuple[int, list[Path]]:
    """Write the records of all cells as a table, with the columns of ``uebench.analysis.frame``.

    Args:
        file: Where it goes; ``.csv``, or ``.parquet`` if pyarrow is installed.
        results: The results folder.

    Returns:
        How many records were written, and the damaged ones that were left out.

    Raises:
        UsageError: If the name has another ending, or pyarrow is missing.
        StoreError: If there is no such folder, or the file cannot be written.
    """
    from uebench.analysis.frame import frame

    file = as_path(file)
    if file.suffix not in (".csv", ".parquet"):
        raise UsageError(f"{file}: end the name with .csv or .parquet")
    if file.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError(f"{file}: Parquet needs pyarrow (pip install pyarrow); or end the name with .csv")
    records, damaged = existing(results).readable_cells()
    table = frame(records)
    if file.suffix == ".csv":
        content = table.to_csv(index=False).encode()
    else:
        content = table.astype({"labels": str}).to_parquet(index=False)
    try:
        publish(file, content)
    except OSError as error:
        raise StoreError(f"{file}: cannot be written ({in_words(error)})") from None
    return len(records), damaged
