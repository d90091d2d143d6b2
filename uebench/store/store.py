"""The content-addressed store: ``cells/`` and ``protected/`` are the truth; ``blobs/`` holds protected sets.

A reader sees all of a record or nothing (``uebench.store.atomic``). Every record, blob and model carries the digest of
its content; what does not match is damaged and is computed again (``seal``, ``blob``, ``model``). Two processes that
want the same cell take turns (``claims``). What ``work/`` holds may be deleted.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from uebench.errors import StoreError, UsageError
from uebench.regular import read_regular
from uebench.store import blob, model, seal
from uebench.store.atomic import TEMPORARY, publish
from uebench.store.blob import Protected
from uebench.store.claims import Claims
from uebench.store.model import Model
from uebench.store.record import Failure, ProtectedMeta, ProtectionRecord, Record
from uebench.store.seal import DamagedError, R, sealed, unusable
from uebench.store.summary import Summary

__all__ = ["DamagedError", "Model", "Protected", "Store", "sealed"]


class Store:
    """A results folder.

    Attributes:
        root: The folder.
        work: Where what is under way lies.
        claims: Who works on what.
    """

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is touched until something is read or written."""
        self.root = root
        self.work = root / "work"
        self.claims = Claims(root)

    def check_writable(self) -> None:
        """Make the folder and prove that it takes a file.

        Raises:
            StoreError: If it does not.
        """
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.work) as probe:
                probe.write(b"uebench")
                probe.flush()
        except OSError as error:
            raise unusable(self.root, error) from None

    # Records

    def cell_path(self, key: str) -> Path:
        """Return where the record of a cell lies or would lie."""
        return self.root / "cells" / key[:2] / f"{key}.json"

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
        self.put(self.cell_path(record.key), sealed(record))

    def cells(self) -> Iterator[tuple[Path, Record | None]]:
        """Yield every record with its path; None stands for a damaged one."""
        return self._records("cells", Record)

    def readable_cells(self) -> tuple[list[Record], list[Path]]:
        """Return every record of a cell that can be believed, and the paths of the damaged ones."""
        found = list(self.cells())
        return [record for _, record in found if record], [path for path, record in found if record is None]

    def summaries(self) -> Iterator[tuple[Path, Summary | None]]:
        """Yield what a list needs of every record with its path; None stands for a damaged one."""
        return self._records("cells", Summary)

    def protection_path(self, key: str) -> Path:
        """Return where the record of a protected set lies or would lie."""
        return self.root / "protected" / key[:2] / f"{key}.json"

    def read_protection(self, key: str) -> ProtectionRecord | None:
        """Return the record of a protected set, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or is not such a record.
        """
        return seal.load(self.protection_path(key), ProtectionRecord)

    def write_protection(self, record: ProtectionRecord) -> None:
        """Publish the record of a protected set with its digest."""
        self.put(self.protection_path(record.protect_key), sealed(record))

    def protections(self) -> Iterator[tuple[Path, ProtectionRecord | None]]:
        """Yield the record of every protected set with its path; None stands for a damaged one."""
        return self._records("protected", ProtectionRecord)

    def find(self, prefix: str) -> Record | ProtectionRecord | Failure:
        """Return the one record, of a cell, a protected set or a failure, whose key begins with ``prefix``.

        Raises:
            UsageError: If there is none, or more than one.
            DamagedError: If it is damaged.
        """
        pattern = f"{prefix[:2]}*/{prefix}*.json"
        cells, sets, failed = (
            sorted(self.root.glob(pattern)) if prefix.isalnum() else []
            for pattern in (f"cells/{pattern}", f"protected/{pattern}", f"work/{prefix}*/failed.json")
        )
        keys = {path.stem for path in cells + sets} | {path.parent.name for path in failed}
        if len(keys) != 1:
            found = f"{len(keys)} records" if keys else "no record"
            raise UsageError(f"{prefix!r}: {found} in {self.root} with such a key; uebench status --json lists all")
        (key,) = keys
        record: Record | ProtectionRecord | Failure | None
        if cells or sets:
            record = self.read_cell(key) if cells else self.read_protection(key)
        else:
            record = seal.load_failure(self.failure_path(key))
        if record is None:
            raise UsageError(f"{prefix!r}: the record is gone")
        return record

    def files(self, kind: str) -> list[Path]:
        """Return the paths of all records of cells, of protected sets, all protected sets, or all kept models.

        Args:
            kind: ``cells``, ``protected``, ``blobs`` or ``models``.
        """
        suffix = ".json" if kind in ("cells", "protected") else ".safetensors"
        return sorted((self.root / kind).glob(f"*/[!.]*{suffix}"))

    def keys(self, kind: str) -> set[str]:
        """Return the keys of all records of cells, or of protected sets; faster than ``files`` where there are many.

        Args:
            kind: ``cells`` or ``protected``.
        """
        found = set[str]()
        for folder in (self.root / kind).glob("*/"):
            with suppress(OSError):
                found.update(path.stem for path in folder.iterdir() if path.suffix == ".json")
        return found

    def _records(self, kind: str, model: type[R]) -> Iterator[tuple[Path, R | None]]:
        for path in self.files(kind):
            try:
                yield path, seal.load(path, model)
            except DamagedError:
                yield path, None

    # Protected sets

    def blob_path(self, key: str) -> Path:
        """Return where a protected set lies or would lie."""
        return self.root / "blobs" / key[:2] / f"{key}.safetensors"

    def read_protected(self, key: str) -> Protected | None:
        """Return a protected set, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or it is that of another key.
        """
        found = blob.load(self.blob_path(key))
        if found and found.meta.protect_key is None:  # of an early version: only its record can say whose it is
            record = None
            with suppress(DamagedError):
                record = self.read_protection(key)
            if record and record.audit != found.meta.audit:
                raise DamagedError(self.blob_path(key), "damaged protected set (its record is of another one)")
        return found

    def read_protected_meta(self, key: str) -> ProtectedMeta | None:
        """Return what is stored beside the pixels of a protected set, unchecked; None if there is none to be had."""
        return seal.unless_damaged(blob.load_meta, self.blob_path(key))

    def write_protected(self, key: str, protected: Protected) -> None:
        """Publish a protected set."""
        self.put(self.blob_path(key), blob.content(protected))

    # Kept models

    def model_path(self, key: str) -> Path:
        """Return where the weights of the network of a cell's attacker lie or would lie."""
        return self.root / "models" / key[:2] / f"{key}.safetensors"

    def read_model(self, key: str) -> Model | None:
        """Return what is known of a kept model, or None if there is none.

        Raises:
            DamagedError: If it cannot be read, does not match its digest, or is that of another key.
        """
        return model.load(self.model_path(key))

    # Work in progress

    def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
        """Keep the newest checkpoint of a stage of a cell, with its digest."""
        self.put(self._checkpoint(key, stage), hashlib.sha256(content).digest() + content)

    def read_checkpoint(self, key: str, stage: str) -> bytes | None:
        """Return the newest checkpoint of a stage, or None if there is none or it is damaged."""
        try:
            stored = read_regular(self._checkpoint(key, stage))
        except OSError:
            return None
        digest, content = stored[:32], stored[32:]
        return content if hashlib.sha256(content).digest() == digest else None

    def _checkpoint(self, key: str, stage: str) -> Path:
        return self.work / key / f"{stage}.checkpoint"

    def forget_work(self, key: str) -> None:
        """Delete the checkpoints and the failure of a cell."""
        shutil.rmtree(self.work / key, ignore_errors=True)

    def forget_work_before(self, moment: float, key: str) -> None:
        """Delete what of the work on a cell is older than a moment of the file system's clock."""
        for file in (self.work / key).glob("*"):
            with suppress(OSError):
                if file.stat().st_mtime < moment:
                    file.unlink()

    def tidy(self, key: str) -> None:
        """Forget the work of a finished cell whose process was killed before it could; never that of a running one."""
        if (self.work / key).is_dir():
            with suppress(StoreError), self.claims.claim_if_free(key) as free:
                if free:
                    self.forget_work(key)

    def failure_path(self, key: str) -> Path:
        """Return where it is kept why a cell or a protected set failed."""
        return self.work / key / "failed.json"

    def write_failure(self, failure: Failure) -> None:
        """Record that a cell or a protected set failed, and why."""
        self.put(self.failure_path(failure.key), failure.model_dump_json().encode())

    def read_failure(self, key: str) -> Failure | None:
        """Return why a cell or a protected set failed, or None if it did not or the file is damaged."""
        return seal.unless_damaged(seal.load_failure, self.failure_path(key))

    def failures(self) -> list[Failure]:
        """Return the recorded failures, but for cells that have succeeded since."""
        keys = [path.parent.name for path in sorted(self.work.glob("*/failed.json"))]
        keys = [key for key in keys if not self.cell_path(key).is_file()]
        return [failure for key in keys if (failure := self.read_failure(key))]

    def put(self, path: Path, content: bytes) -> None:
        """Publish a file of the store; a folder in its place is no record, and is set aside for ``gc``.

        Raises:
            StoreError: If it cannot be written.
        """
        try:
            if path.is_dir() and not path.is_symlink():
                path.rename(path.with_name(f"{TEMPORARY}{path.stem}"))
            publish(path, content)
        except OSError as error:
            raise unusable(path, error) from None
