"""The content-addressed store of results.

``cells/`` and ``protected/`` hold the records, ``blobs/`` the protected sets, and ``models/`` the kept models. All are
written atomically (``atomic``). Each file holds the digest of its content; if it does not match, the file is damaged
and is computed again (``seal``, ``blob``, ``model``). If two processes want the same cell, one waits (``claims``).
``work/`` holds unfinished and failed work (``work``), and may be deleted.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from uebench.errors import UsageError, in_words
from uebench.store import blob, model, seal
from uebench.store.atomic import put, unusable
from uebench.store.blob import Protected
from uebench.store.claims import Claims
from uebench.store.record import Failure, ProtectedMeta, ProtectionRecord, Record
from uebench.store.seal import DamagedError, R, sealed
from uebench.store.summary import Summary
from uebench.store.work import Work

__all__ = ["DamagedError", "Protected", "Store", "sealed"]

RecordKind = Literal["cells", "protected"]
FileKind = Literal["cells", "protected", "blobs", "models"]
SUFFIX: dict[FileKind, str] = {
    "cells": ".json",
    "protected": ".json",
    "blobs": ".safetensors",
    "models": ".safetensors",
}
"""The folder of each kind of file, and how the names of its files end."""
_SHARD = re.compile("[0-9a-f]{2}")


class Store:
    """A results folder.

    Attributes:
        root: The folder.
        claims: The claims of processes on keys.
        work: The unfinished and the failed work.
    """

    def __init__(self, root: Path) -> None:
        """Set the path of the folder, which is not touched until something is read or written."""
        self.root = root
        self.claims = Claims(root)
        self.work = Work(root / "work", self.claims)

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

    # Files of all kinds

    def path(self, kind: FileKind, key: str) -> Path:
        """Return the path of a file of one kind, whether or not it exists.

        Args:
            kind: See ``files``.
            key: The key of the cell or protected set.
        """
        return self.root / kind / key[:2] / f"{key}{SUFFIX[kind]}"

    def files(self, kind: FileKind) -> list[Path]:
        """Return the paths of all files of one kind.

        Args:
            kind: ``cells`` or ``protected`` for records, ``blobs`` for protected sets, ``models`` for kept models.
        """
        return sorted((self.root / kind).glob(f"*/[!.]*{SUFFIX[kind]}"))

    def lost_folders(self, kind: FileKind) -> list[DamagedError]:
        """Return an error for each folder of one kind that cannot be read, such as a broken link or a link to itself.

        Args:
            kind: See ``files``.
        """
        folder, lost = self.root / kind, []
        try:
            shards = sorted(path for path in folder.iterdir() if _SHARD.fullmatch(path.name))
        except FileNotFoundError:
            shards = [folder] if folder.is_symlink() else []
        except OSError:
            shards = [folder]
        for shard in shards:
            try:
                os.scandir(shard).close()
            except OSError as error:
                lost.append(DamagedError(shard, f"not a folder that can be read ({in_words(error)})"))
        return lost

    # Records

    def cell_path(self, key: str) -> Path:
        """Return the path of the record of a cell, whether or not it exists."""
        return self.path("cells", key)

    def read_cell(self, key: str) -> Record | None:
        """Return a record, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or is not a record.
        """
        return seal.load(self.cell_path(key), Record)

    def read_cell_or_none(self, key: str) -> Record | None:
        """Return a record, or None if there is none or it is damaged."""
        return seal.unless_damaged(self.read_cell, key)

    def write_cell(self, record: Record) -> None:
        """Publish a record with its digest."""
        put(self.cell_path(record.key), sealed(record))

    def cells(self) -> Iterator[tuple[Path, Record | None]]:
        """Yield every record with its path; None stands for a damaged one, or for a folder that cannot be read."""
        return self._records("cells", Record)

    def readable_cells(self) -> tuple[list[Record], list[Path]]:
        """Return the undamaged records of cells, and the paths of the damaged ones."""
        cells = list(self.cells())
        return [record for _, record in cells if record], [path for path, record in cells if record is None]

    def summaries(self) -> Iterator[tuple[Path, Summary | None]]:
        """Yield the summary of every record of a cell with its path; None stands for a damaged one."""
        return self._records("cells", Summary)

    def protection_path(self, key: str) -> Path:
        """Return the path of the record of a protected set, whether or not it exists."""
        return self.path("protected", key)

    def read_protection(self, key: str) -> ProtectionRecord | None:
        """Return the record of a protected set, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or is not such a record.
        """
        return seal.load(self.protection_path(key), ProtectionRecord)

    def read_protection_or_none(self, key: str) -> ProtectionRecord | None:
        """Return the record of a protected set, or None if there is none or it is damaged."""
        return seal.unless_damaged(self.read_protection, key)

    def write_protection(self, record: ProtectionRecord) -> None:
        """Publish the record of a protected set with its digest."""
        put(self.protection_path(record.protect_key), sealed(record))

    def protections(self) -> Iterator[tuple[Path, ProtectionRecord | None]]:
        """Yield the record of every protected set with its path; None stands for a damaged one."""
        return self._records("protected", ProtectionRecord)

    def find(self, prefix: str) -> Record | ProtectionRecord | Failure:
        """Return the record of a cell, protected set or failure whose key begins with ``prefix``.

        Raises:
            UsageError: If there is no such record, or more than one.
            DamagedError: If the record is damaged.
        """

        def found(pattern: str) -> list[Path]:
            return sorted(self.root.glob(pattern)) if prefix.isalnum() else []

        cells, sets = (found(f"{kind}/{prefix[:2]}*/{prefix}*.json") for kind in ("cells", "protected"))
        failed = found(f"work/{prefix}*/failed.json")
        keys = {path.stem for path in cells + sets} | {path.parent.name for path in failed}
        if len(keys) != 1:
            count = f"{len(keys)} records" if keys else "no record"
            raise UsageError(f"{prefix!r}: {count} in {self.root} with such a key; uebench status --json lists all")
        (key,) = keys
        record: Record | ProtectionRecord | Failure | None
        if cells or sets:
            record = self.read_cell(key) if cells else self.read_protection(key)
        else:
            record = seal.load_failure(self.work.failure_path(key))
        if record is None:
            raise UsageError(f"{prefix!r}: the record is gone")
        return record

    def keys(self, kind: RecordKind) -> set[str]:
        """Return the keys of all records of cells, or of protected sets; faster than ``files`` for many records.

        Args:
            kind: ``cells`` or ``protected``.
        """
        keys = set[str]()
        for folder in (self.root / kind).glob("*/"):
            with suppress(OSError):
                keys.update(path.stem for path in folder.iterdir() if path.suffix == SUFFIX[kind])
        return keys

    def _records(self, kind: RecordKind, model: type[R]) -> Iterator[tuple[Path, R | None]]:
        yield from ((lost.path, None) for lost in self.lost_folders(kind))
        for path in self.files(kind):
            yield path, seal.unless_damaged(seal.load, path, model)

    # Protected sets

    def blob_path(self, key: str) -> Path:
        """Return the path of a protected set, whether or not it exists."""
        return self.path("blobs", key)

    def read_blob(self, key: str) -> Protected | None:
        """Return a protected set, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or if it has another key.
        """
        protected = blob.load(self.blob_path(key))
        if protected and protected.meta.protect_key is None:  # an early version, identified only by its record
            record = self.read_protection_or_none(key)
            if record and record.audit != protected.meta.audit:
                raise DamagedError(self.blob_path(key), "damaged protected set (its record is of another one)")
        return protected

    def read_blob_or_none(self, key: str) -> Protected | None:
        """Return a protected set, or None if there is none or it is damaged."""
        return seal.unless_damaged(self.read_blob, key)

    def read_blob_meta(self, key: str) -> ProtectedMeta | None:
        """Return the metadata of a protected set without checking its digest; None if it is missing or unreadable."""
        return seal.unless_damaged(blob.load_meta, self.blob_path(key))

    def write_blob(self, key: str, protected: Protected) -> None:
        """Publish a protected set."""
        put(self.blob_path(key), blob.content(protected))

    # Kept models

    def model_path(self, key: str) -> Path:
        """Return the path of the kept model of a cell, whether or not it exists."""
        return self.path("models", key)

    def read_model(self, key: str) -> str | None:
        """Check the kept model of a cell; return the key, or None if there is none.

        Raises:
            DamagedError: If it cannot be read, does not match its digest, or has another key.
        """
        return model.load(self.model_path(key))

    def failures(self) -> list[Failure]:
        """Return the recorded failures, except those of keys for which there is a record of a cell."""
        return [failure for failure in self.work.failures() if not self.cell_path(failure.key).is_file()]
