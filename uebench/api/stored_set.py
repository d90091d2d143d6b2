"""A protected set of the results folder, with the photographs that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

from uebench.api.workspace import Workspace
from uebench.data.dataset import Dataset, load
from uebench.errors import DataError, StoreError, UsageError
from uebench.plugins.spec import Spec
from uebench.store.record import Failure, ProtectionRecord, Record
from uebench.store.store import Protected


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A protected set and where it comes from.

    Attributes:
        record: That of a cell that attacked it, or its own.
        protected: What it changes in each photograph.
        dataset: The photographs.
    """

    record: Record | ProtectionRecord
    protected: Protected
    dataset: Dataset


def stored_set(workspace: Workspace, key: str, data: str = "") -> StoredSet:
    """Return a protected set by the first digits of its key, or of that of a cell.

    Args:
        workspace: Where the results folder is.
        key: The first digits.
        data: The folder with the photographs, or a data set as ``run`` takes it. Records keep no path, so a folder must
            be named; other sources are known from the record.

    Raises:
        UsageError: If there is no such key, or ``data`` is wrong.
        DataError: If the photographs are not those that the set was made of.
        StoreError: If the set is no longer in the results folder.
    """
    record = workspace.store.find(key)
    if isinstance(record, Failure):
        raise UsageError(f"{key!r}: it failed, so there is no protected set; uebench show {key} says why")
    protected = workspace.store.read_protected(record.protect_key)
    if protected is None:
        raise StoreError(
            f"{key!r}: its protected set is not in {workspace.store.root / 'blobs'}, only its record; compute it again"
        )
    return StoredSet(record, protected, _photographs(record, data, workspace))


def _photographs(record: Record | ProtectionRecord, data: str, workspace: Workspace) -> Dataset:
    """Return the data set that a record names."""
    known = record.data
    if not data and known.source == "folder":
        raise UsageError(f"data: records keep no path; name the folder with the photographs of {known.name!r}")
    is_folder = known.source == "folder" and "(" not in data
    options = {**known.options, "path": data} if is_folder else known.options
    text = str(Spec(known.source, options)) if is_folder or not data else data
    dataset = load(text, known.size, workspace.registry, workspace.cache)
    if dataset.key != record.data_key:
        raise DataError(f"data {data or text!r}: not the photographs of {known.name!r} that the set was made of")
    return dataset
