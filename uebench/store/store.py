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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.store.atomic import publish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEYS = {"cells": "key", "protected": "protect_key"}
"""Folder of records -> the field that names their files."""


def sealed(record: Mapping[str, Any]) -> bytes:
    """Return a record as the JSON of its file, whose first line is the digest of all the others."""
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
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
        meta: What the records say of it: audit, side information, seconds, provenance.
    """

    delta: NDArray[np.int8] | NDArray[np.int16]
    meta: Mapping[str, Any]


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

    def read_cell(self, key: str) -> dict[str, Any] | None:
        """Return a record, or None if there is none.

        Raises:
            DamagedError: If its content does not match its digest.
        """
        return self._read_record(self.cell_path(key))

    def read_cell_or_none(self, key: str) -> dict[str, Any] | None:
        """Return a record, or None if there is none or it is damaged."""
        try:
            return self.read_cell(key)
        except DamagedError:
            return None

    def write_cell(self, key: str, record: Mapping[str, Any]) -> None:
        """Publish a record with its digest."""
        self._write_record(self.cell_path(key), record)

    def cells(self) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        """Yield every record with its path; None stands for a damaged one."""
        return self._records("cells")

    def protection_path(self, key: str) -> Path:
        """Return where the facts of a protected set lie or would lie."""
        return self.root / "protected" / key[:2] / f"{key}.json"

    def read_protection(self, key: str) -> dict[str, Any] | None:
        """Return the facts of a protected set, or None if there are none.

        Raises:
            DamagedError: If their content does not match its digest.
        """
        return self._read_record(self.protection_path(key))

    def write_protection(self, key: str, facts: Mapping[str, Any]) -> None:
        """Publish the facts of a protected set with their digest."""
        self._write_record(self.protection_path(key), facts)

    def protections(self) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        """Yield the facts of every protected set with their path; None stands for damaged ones."""
        return self._records("protected")

    def find(self, prefix: str) -> dict[str, Any]:
        """Return the one record, of a cell or of a protected set, whose key begins with ``prefix``.

        Raises:
            UsageError: If there is none, or more than one.
            DamagedError: If it is damaged.
        """
        pattern = f"{prefix[:2]}*/{prefix}*.json"
        found = [path for kind in KEYS for path in (self.root / kind).glob(pattern)] if prefix.isalnum() else []
        if len(found) != 1:
            raise UsageError(
                f"{prefix!r}: {len(found)} records in {self.root} begin so; uebench status --json lists them"
            )
        record = self._read_record(found[0])
        if record is None:
            raise UsageError(f"{prefix!r}: the record is gone")
        return record

    def _records(self, kind: str) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        for path in sorted((self.root / kind).glob("??/*.json")):
            try:
                yield path, self._read_record(path)
            except DamagedError:
                yield path, None

    def _write_record(self, path: Path, record: Mapping[str, Any]) -> None:
        self._publish(path, sealed(record))

    def _read_record(self, path: Path) -> dict[str, Any] | None:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from None
        try:
            head, _, rest = text.partition(b"\n")
            if head == _seal(rest):
                record = json.loads(text)
                del record["digest"]
                if record[KEYS[path.parts[-3]]] == path.stem:
                    return record  # type: ignore[no-any-return]
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            pass
        raise DamagedError(f"{path}: damaged record (content and digest differ); run its command again to recompute it")

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
        if meta.pop("digest", None) != _blob_digest(delta, meta):
            raise DamagedError(f"{path}: damaged protected set (content and digest differ)")
        return Protected(delta, meta)

    def write_protected(self, key: str, protected: Protected) -> None:
        """Publish a protected set."""
        from safetensors.numpy import save

        meta = {**protected.meta, "digest": _blob_digest(protected.delta, protected.meta)}
        content = save({"delta": protected.delta.copy()}, metadata={"uebench": json.dumps(meta)})
        self._publish(self.blob_path(key), content)

    # Work in progress

    def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
        """Keep the newest checkpoint of a stage of a cell."""
        self._publish(self.work / key / f"{stage}.safetensors", content)

    def read_checkpoint(self, key: str, stage: str) -> bytes | None:
        """Return the newest checkpoint of a stage, or None."""
        try:
            return (self.work / key / f"{stage}.safetensors").read_bytes()
        except OSError:
            return None

    def forget_work(self, key: str) -> None:
        """Delete the checkpoints and the failure of a cell."""
        shutil.rmtree(self.work / key, ignore_errors=True)

    def write_failure(self, key: str, what: str, error: str) -> None:
        """Record that a cell failed, and why."""
        content = json.dumps({"key": key, "cell": what, "error": error}, sort_keys=True)
        self._publish(self.work / key / "failed.json", content.encode())

    def failures(self) -> list[dict[str, str]]:
        """Return the recorded failures."""
        return [json.loads(path.read_text()) for path in sorted(self.work.glob("*/failed.json"))]

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


def _unusable(path: Path, error: OSError) -> StoreError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free space and run again" if full else "choose another folder with --results"
    return StoreError(f"{path}: cannot be used ({in_words(error)}); {remedy}")


def _blob_digest(delta: NDArray[Any], meta: Mapping[str, Any]) -> str:
    head = f"{delta.dtype.str}{delta.shape}{digest(meta)}".encode()
    return hashlib.sha256(head + delta.tobytes()).hexdigest()
