"""Merges the records, protected sets and kept models of another results folder into this one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from uebench.errors import UsageError
from uebench.store import seal
from uebench.store.atomic import put
from uebench.store.model import Model
from uebench.store.record import ProtectionRecord, Record
from uebench.store.shelf import Shelf
from uebench.store.store import DamagedError, ProtectedSet, Store

Stored = Record | ProtectionRecord | ProtectedSet | Model

CIRCUMSTANCES = {"timings", "provenance", "protected_digest", "peak_memory_mib"}
"""Fields that may differ between two records of the same measurement."""


@dataclass(frozen=True, slots=True)
class MergedFile:
    """The outcome of the merge for one file of the other folder.

    Attributes:
        path: The file in the other folder.
        outcome: ``taken``; ``same``: this folder has it already; ``conflict``: it contradicts this folder, which was
            not changed; ``damaged``: refused; ``busy``: left out, because a process is computing it here.
        reason: The reason for ``conflict``, ``damaged`` and ``busy``.
    """

    path: Path
    outcome: Literal["taken", "same", "conflict", "damaged", "busy"]
    reason: str = ""


def merge(store: Store, other: Store) -> list[MergedFile]:
    """Copy the files of another results folder that this one lacks. A merge that was killed can be run again.

    Args:
        store: The folder to copy into.
        other: The folder to copy from; it is not changed.

    Raises:
        UsageError: If ``other`` is not a results folder, or is this one.
        StoreError: If a file cannot be read or written, or a newer version of uebench wrote it.
    """
    check(store, other)
    store.check_writable()
    lost = [MergedFile(each.path, "damaged", each.fault) for shelf in _in_order(other) for each in shelf.lost()]
    shelves = zip(_in_order(store), _in_order(other), strict=True)
    return lost + [_merged(store, other, mine, its, path) for mine, its in shelves for path in its.files()]


def check(store: Store, other: Store) -> None:
    """Check that a folder can be merged into another.

    Args:
        store: The folder to copy into.
        other: The folder to copy from.

    Raises:
        UsageError: If ``other`` is not a results folder, or is this one.
    """
    folders = [shelf.folder for shelf in _in_order(other)]
    if not any(folder.is_dir() for folder in folders):
        names = ", ".join(folder.name for folder in folders)
        raise UsageError(f"{other.root}: no results folder; it holds none of {names}")
    if store.root.exists() and store.root.samefile(other.root):
        raise UsageError(f"{other.root}: is the results folder itself; name another one")


def _in_order(store: Store) -> tuple[Shelf[Any], ...]:
    """Return the shelves as they are merged: first records and sets that others refer to, models after their cells."""
    return store.protections, store.sets, store.cells, store.models


def _merged(store: Store, other: Store, mine: Shelf[Stored], its: Shelf[Stored], path: Path) -> MergedFile:
    key = path.stem
    try:
        theirs = its.read_file(path)
        content = theirs.content if isinstance(theirs, Model) else seal.content_of(path, "file", most=None)
    except DamagedError as damage:
        return MergedFile(path, "damaged", damage.fault)
    if theirs is None or content is None:
        return MergedFile(path, "damaged", f"{path}: was deleted during the merge")
    with store.claims.claim_if_free(key) as free:
        if not free:
            return MergedFile(path, "busy", f"{path}: is being computed here")
        ours = mine.read_or_none(key)
        if ours is not None:
            if _measured(ours) == _measured(theirs):
                return MergedFile(path, "same")
            return MergedFile(path, "conflict", f"{path}: differs from the one here")
        if isinstance(theirs, ProtectedSet):
            record = store.protections.read_or_none(key)
            if record and record.audit != theirs.meta.audit:
                return MergedFile(path, "conflict", f"{path}: differs from the one of which there is a record here")
        if isinstance(theirs, Record) and _of_another_set(store, theirs):
            return MergedFile(path, "conflict", f"{path}: other code of {theirs.method.name!r} made its protected set")
        if isinstance(theirs, Model) and not _share_cell(store, other, key):
            return MergedFile(path, "conflict", f"{path}: is not the model of the record of its cell here")
        put(mine.path(key), content)
    return MergedFile(path, "taken")


def _of_another_set(store: Store, cell: Record) -> bool:
    """Return whether a cell's set differs from the one here, and was made by other code under the same version.

    The same code may draw a set twice, as on a GPU; these cells are of the same method.
    """
    ours = store.protections.read_or_none(cell.protect_key)
    if ours is None or ours.provenance is None or ours.audit == cell.audit:
        return False
    name = cell.method.name
    return ours.provenance.sources.get(name) != cell.provenance.sources.get(name)


def _share_cell(store: Store, other: Store, key: str) -> bool:
    """Return whether both folders hold a record of a cell, with the same measurement."""
    ours, theirs = store.cells.read_or_none(key), other.cells.read_or_none(key)
    return ours is not None and theirs is not None and _measured(ours) == _measured(theirs)


def _measured(stored: Stored) -> Any:  # noqa: ANN401
    """Return the part of a file that must be equal for two files to count as the same."""
    if isinstance(stored, ProtectedSet):
        return stored.meta.audit, stored.delta.dtype, stored.delta.shape, stored.delta.tobytes()
    if isinstance(stored, Model):  # the weights of another run may differ in their last bits
        return stored.key
    return stored.model_dump(mode="json", exclude=CIRCUMSTANCES)
