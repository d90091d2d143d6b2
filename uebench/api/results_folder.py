"""Maintain a results folder: verify it, delete garbage, merge other folders into it, export its records."""

from __future__ import annotations

from pathlib import Path

from uebench.api.workspace import RESULTS, Texts, as_path, existing, several
from uebench.errors import UsageError
from uebench.planning.cell import has_its_own_key
from uebench.store import gc as garbage
from uebench.store import merge as merging
from uebench.store import verify as verifying
from uebench.store.atomic import write
from uebench.store.store import Store


def verify(results: str | Path = RESULTS) -> verifying.Verified:
    """Check every record, protected set and kept model: digest, schema, key, and each set against its record.

    Args:
        results: The results folder.

    Returns:
        The counts of checked files, and a line for each damaged one. ``run`` does not use damaged files, but computes
        them again.

    Raises:
        StoreError: If there is no such folder, or a newer version of uebench wrote it.
    """
    return verifying.verify(existing(results), has_its_own_key)


def gc(results: str | Path = RESULTS, *, delete: bool = False) -> list[garbage.Garbage]:
    """List the files that nothing refers to, except those that a running process uses.

    They are the work of finished cells, empty work folders, damaged failures, temporary files, locks and notes that
    nobody holds, requests of runs that ended, protected sets that no record refers to, and models of cells without a
    record.

    Args:
        results: The results folder.
        delete: Also delete them.

    Raises:
        StoreError: If there is no such folder, or a file cannot be deleted.
    """
    return garbage.gc(existing(results), delete=delete)


def merge(others: Texts, results: str | Path = RESULTS) -> list[merging.MergedFile]:
    """Copy records, protected sets and kept models of other results folders into one. Existing files stay.

    Args:
        others: The folder, or several, to copy from.
        results: The folder to copy into; it is created if necessary.

    Returns:
        The outcome for each file. Damaged files, and files that differ from the existing one, are not copied.

    Raises:
        UsageError: If one of ``others`` is not a results folder; nothing is copied then.
        StoreError: If a folder cannot be used.
    """
    store, stores = Store(as_path(results)), [Store(as_path(other)) for other in several(others)]
    for other in stores:  # before the first copy, so that a mistyped name leaves nothing half done
        merging.check(store, other)
    return [file for other in stores for file in merging.merge(store, other)]


def export_records(file: str | Path, results: str | Path = RESULTS) -> tuple[int, list[Path]]:
    """Write the records of all cells as a table, with the columns of ``uebench.analysis.frame``.

    Args:
        file: The file to write, ``.csv``, or ``.parquet`` if pyarrow is installed.
        results: The results folder.

    Returns:
        The number of records written, and the files of damaged records, which are left out.

    Raises:
        UsageError: If the file has another suffix, or pyarrow is missing.
        StoreError: If there is no such folder, or the file cannot be written.
    """
    from uebench.analysis.frame import frame
    from uebench.analysis.selection import select
    from uebench.report.files import check_parquet

    file = as_path(file)
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(f"{file}: end the name with .csv or .parquet")
    if suffix == ".parquet":
        check_parquet(file)
    records, damaged = select(existing(results))
    table = frame(records)
    if suffix == ".csv":
        content = table.to_csv(index=False).encode()
    else:
        content = table.astype({"labels": str}).to_parquet(index=False)
    write(file, content)
    return len(records), damaged
