"""A protected set from the results folder with the photographs from which it was made."""

from __future__ import annotations

from dataclasses import dataclass

from uebench.api.workspace import Workspace, as_path
from uebench.data.dataset import Dataset, load
from uebench.data.folders import is_folder
from uebench.errors import DataError, StoreError, UsageError
from uebench.plugins.spec import Spec
from uebench.store.record import Failure, ProtectionRecord, Record
from uebench.store.store import ProtectedSet


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A protected set with its photographs.

    Attributes:
        record: The record of the set, or of a cell that attacked it.
        protected: The perturbations.
        dataset: The photographs.
    """

    record: Record | ProtectionRecord
    protected: ProtectedSet
    dataset: Dataset


def stored_set(workspace: Workspace, key: str, data: str) -> StoredSet:
    """Return the protected set with a key, or the one that the cell with this key attacked.

    Args:
        workspace: The workspace.
        key: The first digits of the key.
        data: See ``uebench.export``.

    Raises:
        UsageError: If there is no such key, or ``data`` is wrong.
        DataError: If the photographs are not those from which the set was made.
        StoreError: If the set is no longer in the results folder, or is not the one that the cell attacked.
    """
    record = workspace.store.find(key)
    if isinstance(record, Failure):
        raise UsageError(f"{key!r}: failed, so there is no protected set; uebench show {key} says why")
    protected = workspace.store.sets.read(record.protect_key)
    if protected is None:
        raise StoreError(
            f"{key!r}: its protected set is not in {workspace.store.root / 'blobs'}, only its record; compute it again"
        )
    is_cell = isinstance(record, Record)
    if is_cell and record.audit != protected.meta.audit:  # the digest also covers how long the set took
        raise StoreError(
            f"{key!r}: its cell attacked a set that was made again since; name the present set, "
            f"{record.protect_key[:12]}, or make the cell again (uebench run --force, see uebench show {key})"
        )
    return StoredSet(record, protected, _photographs(record, data, workspace))


def _photographs(record: Record | ProtectionRecord, data: str, workspace: Workspace) -> Dataset:
    """Return the data set of a record."""
    recorded = record.data
    if not data and recorded.source == "folder":
        raise UsageError(f"data: records keep no path; name the folder with the photographs of {recorded.name!r}")
    if not data:
        text = str(Spec(recorded.source, recorded.options))
    elif recorded.source == "folder" and ("(" not in data or is_folder(as_path(data))):
        text = str(Spec("folder", {**recorded.options, "path": data}))
    else:
        text = data
    dataset = load(text, recorded.size, workspace.registry, workspace.cache)
    if dataset.key != record.data_key:
        raise DataError(
            f"data {data or text!r}: not the photographs of {recorded.name!r} from which the set was made; name those"
        )
    return dataset
