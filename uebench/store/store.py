"""The content-addressed store of results.

``cells/`` and ``protected/`` hold the records, ``blobs/`` the protected sets, and ``models/`` the kept models; each is
a shelf (``shelf``). All are written atomically (``atomic``). Each file holds the digest of its content; if it does not
match, the file is damaged and is computed again (``seal``, ``blob``, ``model``). If two processes want the same cell,
one waits (``claims``). ``work/`` holds unfinished and failed work (``work``), and may be deleted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from uebench.errors import UsageError
from uebench.store import blob, model, seal
from uebench.store.atomic import unusable
from uebench.store.blob import ProtectedSet
from uebench.store.claims import Claims
from uebench.store.model import Model
from uebench.store.record import Failure, ProtectedMeta, ProtectionRecord, Record
from uebench.store.requests import Requests, is_since
from uebench.store.seal import DamagedError, sealed
from uebench.store.shelf import Shelf, View
from uebench.store.summary import Summary
from uebench.store.work import Work

__all__ = ["DamagedError", "ProtectedSet", "Store", "sealed"]

A = TypeVar("A", Record, ProtectionRecord)


class Store:
    """A results folder.

    Attributes:
        root: The folder.
        cells: The records of cells.
        summaries: The same files, of which only a summary is validated.
        protections: The records of protected sets.
        sets: The protected sets.
        set_metas: The same files, of which only the metadata is read, and the digest is not checked.
        models: The kept models, under the keys of their cells.
        shelves: All shelves.
        claims: The claims of processes on keys.
        work: The unfinished and the failed work.
        requests: The requests of unfinished runs.
    """

    def __init__(self, root: Path) -> None:
        """Set the path of the folder, which is not touched until something is read or written."""
        self.root = root
        self.cells = _records(root / "cells", Record, attrgetter("key"))
        self.summaries: View[Summary] = self.cells.through(partial(seal.load, model=Summary), attrgetter("key"))
        self.protections = _records(root / "protected", ProtectionRecord, attrgetter("protect_key"))
        self.sets: Shelf[ProtectedSet] = Shelf(
            folder=root / "blobs",
            suffix=".safetensors",
            what="protected set",
            reader=partial(_read_set, self.protections),
            key_of=attrgetter("meta.protect_key"),
            content=blob.content,
        )
        self.set_metas: View[ProtectedMeta] = self.sets.through(blob.load_meta, attrgetter("protect_key"))
        self.models: Shelf[Model] = Shelf(
            folder=root / "models",
            suffix=".safetensors",
            what="model",
            reader=model.load,
            key_of=attrgetter("key"),
            content=attrgetter("content"),
        )
        self.shelves: tuple[Shelf[Any], ...] = (self.cells, self.protections, self.sets, self.models)
        self.claims = Claims(root)
        self.work = Work(root / "work", self.claims)
        self.requests = Requests(root / "work" / "requests", self.claims, (self.cells, self.protections))

    def check_writable(self) -> None:
        """Create the folder and check that a file can be written there.

        Raises:
            StoreError: If this fails.
        """
        try:
            self.work.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.work.folder) as probe:
                probe.write(b"uebench")
                probe.flush()
        except OSError as error:
            raise unusable(self.root, error) from None

    def find(self, prefix: str) -> Record | ProtectionRecord | Failure:
        """Return the record of a cell, protected set or failure whose key begins with ``prefix``.

        Raises:
            UsageError: If there is no such record, or more than one.
            DamagedError: If the record is damaged.
        """
        is_prefix = prefix.isalnum()
        cells, sets = (shelf.files(prefix) if is_prefix else [] for shelf in (self.cells, self.protections))
        failed = self.work.folder.glob(f"{prefix}*/failed.json") if is_prefix else ()
        keys = {path.stem for path in cells + sets} | {path.parent.name for path in failed}
        if len(keys) != 1:
            count = f"{len(keys)} records" if keys else "no record"
            raise UsageError(f"{prefix!r}: {count} in {self.root} with such a key; uebench status --json lists all")
        (key,) = keys
        record: Record | ProtectionRecord | Failure | None
        if cells or sets:
            record = self.cells.read(key) if cells else self.protections.read(key)
        else:
            record = seal.load_failure(self.work.failure_path(key))
        if record is None:
            raise UsageError(f"{prefix!r}: the record is gone")
        return record

    def failures(self) -> list[Failure]:
        """Return the recorded failures, except those of keys that were finished since, here or elsewhere."""
        return [failure for failure in self.work.failures() if not self._is_finished(failure.key)]

    def _is_finished(self, key: str) -> bool:
        """Return whether there is a record of a cell, or a protected set with a record no older than its failure."""
        if self.cells.path(key).is_file():
            return True
        failed = self.work.failure_path(key).stat().st_mtime
        return self.sets.path(key).is_file() and is_since(self.protections.path(key), failed)


def _records(folder: Path, model: type[A], key_of: Callable[[A], str]) -> Shelf[A]:
    return Shelf(
        folder=folder,
        suffix=".json",
        what="record",
        reader=partial(seal.load, model=model),
        key_of=key_of,
        content=sealed,
    )


def _read_set(protections: Shelf[ProtectionRecord], path: Path) -> ProtectedSet | None:
    """Read a protected set. One of an early version does not name its key, and is identified only by its record."""
    protected = blob.load(path)
    if protected and protected.meta.protect_key is None:
        record = protections.read_or_none(path.stem)
        if record and record.audit != protected.meta.audit:
            raise DamagedError(path, "damaged protected set (its record is of another one)")
    return protected
