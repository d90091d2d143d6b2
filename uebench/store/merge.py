"""Merges the records, protected sets and kept models of another results folder into this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from uebench.errors import UsageError
from uebench.store import seal
from uebench.store.atomic import put
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import DamagedError, FileKind, Protected, Store

Stored = Record | ProtectionRecord | Protected | str
"""A record, a protected set, or the key of a kept model."""

KINDS: dict[FileKind, Callable[[Store, str], Stored | None]] = {
    "protected": Store.read_protection,
    "blobs": Store.read_blob,
    "cells": Store.read_cell,
    "models": Store.read_model,
}
"""The folders of a store, with the functions that read a file. Their order is that of the merge: first the records and
sets that others refer to, and models after their cells."""

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
    lost = [MergedFile(each.path, "damaged", each.fault) for kind in KINDS for each in other.lost_folders(kind)]
    return lost + [_merged(store, other, kind, path) for kind in KINDS for path in other.files(kind)]


def check(store: Store, other: Store) -> None:
    """Check that a folder can be merged into another.

    Args:
        store: The folder to copy into.
        other: The folder to copy from.

    Raises:
        UsageError: If ``other`` is not a results folder, or is this one.
    """
    if not any((other.root / kind).is_dir() for kind in KINDS):
        raise UsageError(f"{other.root}: no results folder; it holds none of {', '.join(KINDS)}")
    if store.root.exists() and store.root.samefile(other.root):
        raise UsageError(f"{other.root}: is the results folder itself; name another one")


def _merged(store: Store, other: Store, kind: FileKind, path: Path) -> MergedFile:
    load, key = KINDS[kind], path.stem
    try:
        theirs = load(other, key)
        content = seal.content_of(path, "file", most=None)
    except DamagedError as damage:
        return MergedFile(path, "damaged", damage.fault)
    if theirs is None or content is None or path != other.path(kind, key):
        return MergedFile(path, "damaged", f"{path}: lies in the wrong folder")
    with store.claims.claim_if_free(key) as free:
        if not free:
            return MergedFile(path, "busy", f"{path}: is being computed here")
        ours = seal.unless_damaged(load, store, key)
        if ours is not None:
            if _measured(ours) == _measured(theirs):
                return MergedFile(path, "same")
            return MergedFile(path, "conflict", f"{path}: differs from the one here")
        if isinstance(theirs, Protected):
            record = store.read_protection_or_none(key)
            if record and record.audit != theirs.meta.audit:
                return MergedFile(path, "conflict", f"{path}: differs from the one of which there is a record here")
        if isinstance(theirs, Record) and _of_another_set(store, theirs):
            return MergedFile(path, "conflict", f"{path}: other code of {theirs.method.name!r} made its protected set")
        if kind == "models" and not _share_cell(store, other, key):
            return MergedFile(path, "conflict", f"{path}: is not the model of the record of its cell here")
        put(store.path(kind, key), content)
    return MergedFile(path, "taken")


def _of_another_set(store: Store, cell: Record) -> bool:
    """Return whether a cell's set differs from the one here, and was made by other code under the same version.

    The same code may draw a set twice, as on a GPU; these cells are of the same method.
    """
    ours = store.read_protection_or_none(cell.protect_key)
    if ours is None or ours.provenance is None or ours.audit == cell.audit:
        return False
    name = cell.method.name
    return ours.provenance.sources.get(name) != cell.provenance.sources.get(name)


def _share_cell(store: Store, other: Store, key: str) -> bool:
    """Return whether both folders hold a record of a cell, with the same measurement."""
    ours, theirs = store.read_cell_or_none(key), other.read_cell_or_none(key)
    return ours is not None and theirs is not None and _measured(ours) == _measured(theirs)


def _measured(stored: Stored) -> Any:  # noqa: ANN401
    """Return the part of a file that must be equal for two files to count as the same."""
    if isinstance(stored, Protected):
        return stored.meta.audit, stored.delta.dtype, stored.delta.shape, stored.delta.tobytes()
    if isinstance(stored, str):  # the weights of another run may differ in their last bits
        return stored
    return stored.model_dump(mode="json", exclude=CIRCUMSTANCES)
