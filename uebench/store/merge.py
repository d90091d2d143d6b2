"""Takes the records, the protected sets and the kept models of another results folder into this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from uebench.errors import UsageError
from uebench.store import seal
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import DamagedError, Model, Protected, Store

Stored = Record | ProtectionRecord | Protected | Model

KINDS: dict[str, tuple[Callable[[Store, str], Stored | None], Callable[[Store, str], Path]]] = {
    "protected": (Store.read_protection, Store.protection_path),
    "blobs": (Store.read_protected, Store.blob_path),
    "cells": (Store.read_cell, Store.cell_path),
    "models": (Store.read_model, Store.model_path),
}
"""The folders of a store: how a file is read, and where it lies. What is referred to is merged first,
and a model after the cell whose it is."""

CIRCUMSTANCES = {"timings", "provenance", "protected_digest", "peak_memory_mib"}
"""What differs between two runs that measured the same."""


@dataclass(frozen=True, slots=True)
class MergedFile:
    """What became of a file of the other folder.

    Attributes:
        path: The file there.
        outcome: ``taken``; ``same``: it is here already; ``conflict``: it says something else here, and was kept as it
            is here; ``damaged``: refused; ``busy``: left out, because a process is computing it here.
        reason: Why it was not taken, if it should have been.
    """

    path: Path
    outcome: Literal["taken", "same", "conflict", "damaged", "busy"]
    reason: str = ""


def merge(store: Store, other: Store) -> list[MergedFile]:
    """Take what another results folder has and this one lacks; a merge that was killed can be run again.

    Args:
        store: The folder that takes.
        other: The folder that gives; nothing changes there.

    Raises:
        UsageError: If ``other`` is no results folder, or is this one.
        StoreError: If a file cannot be read or written, or a newer version of uebench wrote it.
    """
    if not any((other.root / kind).is_dir() for kind in KINDS):
        raise UsageError(f"{other.root}: no results folder; it holds none of {', '.join(KINDS)}")
    store.check_writable()
    if store.root.samefile(other.root):
        raise UsageError(f"{other.root}: is the results folder itself; name another one")
    return [_merged(store, other, kind, path) for kind in KINDS for path in other.files(kind)]


def _merged(store: Store, other: Store, kind: str, path: Path) -> MergedFile:
    load, place = KINDS[kind]
    key = path.stem
    try:
        theirs = load(other, key)
        content = seal.content_of(path, "file")
    except DamagedError as damage:
        return MergedFile(path, "damaged", damage.fault)
    if theirs is None or content is None or path != place(other, key):
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
            record = seal.unless_damaged(Store.read_protection, store, key)
            if record and record.audit != theirs.meta.audit:
                return MergedFile(path, "conflict", f"{path}: differs from the one of which there is a record here")
        if isinstance(theirs, Model) and not _share_cell(store, other, key):
            return MergedFile(path, "conflict", f"{path}: is not the model of the record of its cell here")
        store.put(place(store, key), content)
    return MergedFile(path, "taken")


def _share_cell(store: Store, other: Store, key: str) -> bool:
    """Return whether both folders hold a record of a cell, with the same measurement."""
    ours, theirs = (one.read_cell_or_none(key) for one in (store, other))
    return ours is not None and theirs is not None and _measured(ours) == _measured(theirs)


def _measured(stored: Stored) -> Any:  # noqa: ANN401
    """Return what two files must share to be the same."""
    if isinstance(stored, Protected):
        return stored.meta.audit, stored.delta.dtype, stored.delta.shape, stored.delta.tobytes()
    if isinstance(stored, Model):  # the weights of another run may differ in their last bits
        return stored.key
    return stored.model_dump(mode="json", exclude=CIRCUMSTANCES)
