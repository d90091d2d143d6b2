"""The content-addressed store: ``cells/`` and ``protected/`` are the truth; ``blobs/`` holds protected sets.

A reader sees all of a record or nothing (``uebench.store.atomic``). Every record and every blob carries the digest of
its content; what does not match is damaged and is computed again. Two processes that want the same cell take turns by
a file lock, which the system releases when a process dies. What ``work/`` holds may be deleted.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.store.atomic import publish
from uebench.store.record import Failure, ProtectedMeta, ProtectionRecord, Record
from uebench.store.summary import Summary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

R = TypeVar("R", Record, ProtectionRecord, Summary)


def sealed(record: Record | ProtectionRecord) -> bytes:
    """Return a record as the JSON of its file, whose first line is the digest of all the others."""
    content = record.model_dump(mode="json")
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
    rest = text.removeprefix("{\n").encode() + b"\n"
    return _seal(rest) + b"\n" + rest


def _seal(rest: bytes) -> bytes:
    return b'{"digest": "%s",' % hashlib.sha256(rest).hexdigest().encode()


class DamagedError(StoreError):
    """A stored file does not match its digest."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A protected set as stored.

    Attributes:
        delta: (N, 3, H, W) int8: protected minus clean, in grey levels; int16 where a change exceeds 127.
        meta: What the records say of it.
    """

    delta: NDArray[np.int8] | NDArray[np.int16]
    meta: ProtectedMeta

    @property
    def digest(self) -> str:
        """Return the sha256 of the perturbation and of what is stored beside it."""
        return _blob_digest(self.delta, self.meta.stored())


class Store:
    """A results folder."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is touched until something is read or written."""
        self.root = root
        self.work = root / "work"

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
            raise _unusable(self.root, error) from None

    # Records

    def cell_path(self, key: str) -> Path:
        """Return where the record of a cell lies or would lie."""
        return self.root / "cells" / key[:2] / f"{key}.json"

    def read_cell(self, key: str) -> Record | None:
        """Return a record, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest, or is not a record.
        """
        return _read(self.cell_path(key), Record)

    def read_cell_or_none(self, key: str) -> Record | None:
        """Return a record, or None if there is none or it is damaged."""
        try:
            return self.read_cell(key)
        except DamagedError:
            return None

    def write_cell(self, record: Record) -> None:
        """Publish a record with its digest."""
        self._publish(self.cell_path(record.key), sealed(record))

    def cells(self) -> Iterator[tuple[Path, Record | None]]:
        """Yield every record with its path; None stands for a damaged one."""
        return self._records("cells", Record)

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
        return _read(self.protection_path(key), ProtectionRecord)

    def write_protection(self, record: ProtectionRecord) -> None:
        """Publish the record of a protected set with its digest."""
        self._publish(self.protection_path(record.protect_key), sealed(record))

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
            raise UsageError(
                f"{prefix!r}: {len(keys)} records in {self.root} have such a key; uebench status --json lists them"
            )
        (key,) = keys
        record = self.read_cell(key) if cells else self.read_protection(key) if sets else self.read_failure(key)
        if record is None:
            raise UsageError(f"{prefix!r}: the record is gone")
        return record

    def _records(self, kind: str, model: type[R]) -> Iterator[tuple[Path, R | None]]:
        for path in sorted((self.root / kind).glob("??/*.json")):
            try:
                yield path, _read(path, model)
            except DamagedError:
                yield path, None

    # Protected sets

    def blob_path(self, key: str) -> Path:
        """Return where a protected set lies or would lie."""
        return self.root / "blobs" / key[:2] / f"{key}.safetensors"

    def read_protected(self, key: str) -> Protected | None:
        """Return a protected set, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest.
        """
        from safetensors import SafetensorError, safe_open

        path = self.blob_path(key)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="np") as file:
                meta, delta = json.loads(file.metadata()["uebench"]), file.get_tensor("delta")
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
            raise DamagedError(f"{path}: damaged protected set (unreadable)") from None
        try:
            sealed = meta.pop("digest", None) == _blob_digest(delta, meta)
            known = ProtectedMeta.model_validate(meta) if sealed else None
        except (ValueError, AttributeError):  # pydantic's complaint is a ValueError, too
            known = None
        if known is None or known.protect_key not in (None, key):
            raise DamagedError(f"{path}: damaged protected set (content and digest differ)")
        return Protected(delta, known)

    def read_protected_meta(self, key: str) -> ProtectedMeta | None:
        """Return what is stored beside the pixels of a protected set, unchecked; None if there is none to be had."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.blob_path(key), framework="np") as file:
                meta = json.loads(file.metadata()["uebench"])
            del meta["digest"]
            return ProtectedMeta.model_validate(meta)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
            return None

    def write_protected(self, key: str, protected: Protected) -> None:
        """Publish a protected set."""
        from safetensors.numpy import save

        meta = {**protected.meta.stored(), "digest": protected.digest}
        content = save({"delta": protected.delta.copy()}, metadata={"uebench": json.dumps(meta)})
        self._publish(self.blob_path(key), content)

    # Work in progress

    def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
        """Keep the newest checkpoint of a stage of a cell, with its digest."""
        self._publish(self._checkpoint(key, stage), hashlib.sha256(content).digest() + content)

    def read_checkpoint(self, key: str, stage: str) -> bytes | None:
        """Return the newest checkpoint of a stage, or None if there is none or it is damaged."""
        try:
            stored = self._checkpoint(key, stage).read_bytes()
        except OSError:
            return None
        seal, content = stored[:32], stored[32:]
        return content if hashlib.sha256(content).digest() == seal else None

    def _checkpoint(self, key: str, stage: str) -> Path:
        return self.work / key / f"{stage}.checkpoint"

    def forget_work(self, key: str) -> None:
        """Delete the checkpoints and the failure of a cell."""
        shutil.rmtree(self.work / key, ignore_errors=True)

    def write_failure(self, failure: Failure) -> None:
        """Record that a cell or a protected set failed, and why."""
        self._publish(self.work / failure.key / "failed.json", failure.model_dump_json().encode())

    def read_failure(self, key: str) -> Failure | None:
        """Return why a cell or a protected set failed, or None if it did not or the file is damaged."""
        try:
            return Failure.model_validate_json((self.work / key / "failed.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def failures(self) -> list[Failure]:
        """Return the recorded failures, but for cells that have succeeded since."""
        keys = [path.parent.name for path in sorted(self.work.glob("*/failed.json"))]
        keys = [key for key in keys if not self.cell_path(key).is_file()]
        return [failure for key in keys if (failure := self.read_failure(key))]

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Hold a key, waiting for another process that holds it."""
        from filelock import FileLock

        locks = self.work / "locks"
        try:
            locks.mkdir(parents=True, exist_ok=True)
            lock = FileLock(locks / f"{key}.lock")
            lock.acquire()
        except OSError as error:
            raise _unusable(self.root, error) from None
        try:
            yield
        finally:
            lock.release()

    def _publish(self, path: Path, content: bytes) -> None:
        try:
            publish(path, content)
        except OSError as error:
            raise _unusable(path, error) from None


def _read(path: Path, model: type[R]) -> R | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from None
    head, _, rest = text.partition(b"\n")
    if head == _seal(rest):
        with suppress(ValidationError):
            record = model.model_validate_json(b"{" + rest)
            if path.stem == (record.protect_key if isinstance(record, ProtectionRecord) else record.key):
                return record
    raise DamagedError(f"{path}: damaged record (content and digest differ); run its command again to recompute it")


def _unusable(path: Path, error: OSError) -> StoreError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free space and run again" if full else "choose another results folder"
    return StoreError(f"{path}: cannot be used ({in_words(error)}); {remedy}")


def _blob_digest(delta: NDArray[Any], meta: dict[str, Any]) -> str:
    head = f"{delta.dtype.str}{delta.shape}{digest(meta)}".encode()
    return hashlib.sha256(head + delta.tobytes()).hexdigest()
