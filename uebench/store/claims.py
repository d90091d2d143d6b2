"""Claims on keys, so that only one process computes a key, and notes about their holders and progress.

A claim is a file lock, which the system releases when its process dies. Some network file systems have no such locks.
There, a claim is a lease: a file that its holder touches regularly, and that others take over when it has not changed
for ``LEASE`` seconds. The first process that meets such a file system leaves a mark in the folder, so that all
processes and machines use leases. A slow holder may lose its lease. Both processes then compute and publish the same
result, which only costs time.
"""

from __future__ import annotations

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uebench.progress import Progress, no_progress
from uebench.regular_files import read_regular
from uebench.store.atomic import publish, unusable

if TYPE_CHECKING:
    from filelock import BaseFileLock

NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""The system's error numbers for a file system without locks."""
LEASE = 30.0
"""Seconds without a change after which others take over a lease; it must be the same in all processes."""
BEATS = 3
"""The number of times that a holder touches its lease in ``LEASE`` seconds."""
PAUSE = 5.0
"""The least seconds between two notes of a holder."""


class Note(BaseModel):
    """A note about the holder of a key and its progress.

    Attributes:
        title: The title of the task.
        host: The name of the machine.
        pid: The process on this machine.
        since: The start of the work, in seconds as by ``time.time``.
        done: The steps done.
        total: The total number of steps; 0 if it is not known yet.
        what: The description of the present work.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    host: str
    pid: int
    since: float
    done: int = Field(0, ge=0)
    total: int = Field(0, ge=0)
    what: str = ""


class HeldKey:
    """A key that this process holds."""

    def __init__(self, path: Path, title: str) -> None:
        """Write the first note. If the title is empty, no notes are written."""
        self._path = path
        self._note = Note(title=title, host=platform.node(), pid=os.getpid(), since=time.time()) if title else None
        self._next = 0.0
        self.tell()

    def tell(self, done: int = 0, total: int = 0, what: str = "") -> None:
        """Write a note with the progress, unless the last one is too recent. Errors of writing are ignored."""
        if self._note is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PAUSE
        note = self._note.model_copy(update={"done": done, "total": total, "what": what})
        with suppress(OSError):
            publish(self._path, note.model_dump_json().encode(), to_disk=False)

    def end(self) -> None:
        """Remove the note."""
        if self._note:
            with suppress(OSError):
                self._path.unlink()


class Claims:
    """The claims on the keys of a results folder."""

    def __init__(self, root: Path) -> None:
        """Set the results folder, which is not touched until a key is claimed."""
        self._root = root
        self.folder = root / "work" / "locks"
        self._mark = self.folder / "leases"

    @contextmanager
    def claim(self, key: str, title: str = "", progress: Progress = no_progress) -> Iterator[HeldKey]:
        """Hold a key, waiting for another process that holds it.

        Args:
            key: The key.
            title: The title of the task for the note; empty for no note.
            progress: Called if it has to wait.

        Raises:
            StoreError: If the folder cannot be used.
        """
        lock = self._acquired(key, wait=False)
        if lock is None:
            progress(0, 0, f"waiting for {self._holder(key)}, which holds the lock")
            lock = self._acquired(key, wait=True)
        assert lock
        claim = HeldKey(self._note(key), title)
        try:
            yield claim
        finally:
            claim.end()
            lock.release()

    @contextmanager
    def claim_if_free(self, key: str) -> Iterator[bool]:
        """Hold a key unless another process holds it, and remove the lock file afterwards.

        Yields:
            Whether this process holds the key.

        Raises:
            StoreError: If the folder cannot be used.
        """
        lock = self._acquired(key, wait=False)
        if lock is None:
            yield False
            return
        try:
            yield True
        finally:
            if _is_file_lock(lock):  # releasing a lease deletes its file
                with suppress(OSError):  # while it is held: a process that waits for it notices, and makes another
                    Path(lock.lock_file).unlink()
            lock.release()

    def is_held(self, key: str) -> bool:
        """Return whether a process holds a key; also True if this cannot be tested, as in a read-only folder."""
        lock = self._lock(key)
        if not Path(lock.lock_file).exists():
            return False
        try:
            with lock.acquire(timeout=0):
                return False
        except OSError:  # the base class of filelock's Timeout, too
            return True

    def files(self) -> list[Path]:
        """Return the files of all locks, leases and notes; the name of each is its key with a suffix."""
        return sorted(path for suffix in ("lock", "lease", "json") for path in self.folder.glob(f"[!.]*.{suffix}"))

    def working(self) -> dict[str, Note]:
        """Return the notes of all running processes, by key."""
        notes = {}
        for path in self.folder.glob("[!.]*.json"):
            with suppress(OSError, ValidationError):  # the process has ended since, or this is not a note
                note = Note.model_validate_json(read_regular(path))
                if self.is_held(path.stem):
                    notes[path.stem] = note
        return notes

    @property
    def uses_leases(self) -> bool:
        """Return whether a process has found that the file system has no locks."""
        return self._mark.exists()

    def _holder(self, key: str) -> str:
        with suppress(OSError, ValidationError):
            note = Note.model_validate_json(read_regular(self._note(key)))
            return f"process {note.pid} on {note.host}"
        return "another process"

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _lock(self, key: str) -> BaseFileLock:
        from filelock import FileLock, SoftFileLease

        if self.uses_leases:
            file = self.folder / f"{key}.lease"
            return SoftFileLease(file, lease_duration=LEASE, heartbeat_interval=LEASE / BEATS)
        return FileLock(self.folder / f"{key}.lock", fallback_to_soft=False)

    def _acquired(self, key: str, *, wait: bool) -> BaseFileLock | None:
        """Acquire and return the lock of a key; None if another process holds it and ``wait`` is False."""
        from filelock import Timeout

        lock = self._lock(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS or not _is_file_lock(lock):
                raise unusable(self._root, error) from None
            self._mark.touch()
            return self._acquired(key, wait=wait)
        return lock


def _is_file_lock(lock: BaseFileLock) -> bool:
    return Path(lock.lock_file).suffix == ".lock"
