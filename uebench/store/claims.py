"""Who works on what: a claim on a key, and beside it a note of who holds it and how far the work is.

A claim is a file lock, which the system releases when its process dies. Some network file systems have no such locks.
There, a claim is a lease: a file that its holder touches again and again, and that others take over once it has not
changed for ``LEASE`` seconds. The first process that meets such a file system leaves a mark in the folder, so that all
processes and machines use leases. A holder that was slow, and not dead, may lose its lease. Both then compute the same
and publish the same, so this costs time and nothing else.
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

from uebench.regular import read_regular
from uebench.store import seal
from uebench.store.atomic import publish

if TYPE_CHECKING:
    from filelock import BaseFileLock

NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What the system says of a lock where the file system has none."""
LEASE = 30.0
"""Seconds for which a lease must not have changed before others take it over; all processes must agree."""
BEATS = 3
"""How often a holder touches its lease in this time."""
PAUSE = 5.0
"""Seconds between two notes of one holder, at least."""


class Note(BaseModel):
    """Who holds a key, and how far the work is.

    Attributes:
        title: What is computed, in words.
        host: The machine's name.
        pid: The process there.
        since: When it began, in seconds as ``time.time`` counts them.
        done: How much of ``total`` is done.
        total: 0 if that is not known yet.
        what: What is being done.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    host: str
    pid: int
    since: float
    done: int = Field(0, ge=0)
    total: int = Field(0, ge=0)
    what: str = ""


class Claim:
    """A key that this process holds."""

    def __init__(self, path: Path, title: str) -> None:
        """Write the first note; without a title there are none."""
        self._path = path
        self._note = Note(title=title, host=platform.node(), pid=os.getpid(), since=time.time()) if title else None
        self._next = 0.0
        self.tell()

    def tell(self, done: int = 0, total: int = 0, what: str = "") -> None:
        """Note how far the work is, unless the last note is too young. That no note can be written stops no work."""
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
        """Name the results folder; nothing is touched until something is claimed."""
        self._root = root
        self.folder = root / "work" / "locks"
        self._mark = self.folder / "leases"

    @contextmanager
    def claim(self, key: str, title: str = "") -> Iterator[Claim]:
        """Hold a key, waiting for another process that holds it.

        Args:
            key: The key.
            title: What is computed, for the note; none is written without.

        Raises:
            StoreError: If the folder cannot be used.
        """
        lock = self._acquired(key, wait=True)
        assert lock
        claim = Claim(self._note(key), title)
        try:
            yield claim
        finally:
            claim.end()
            lock.release()

    @contextmanager
    def claim_if_free(self, key: str) -> Iterator[bool]:
        """Hold a key to tidy up, unless a process holds it; yields whether it is held. Leaves no lock file behind.

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
            if _is_file_lock(lock):  # the end of a lease deletes its file
                with suppress(OSError):  # while it is held: whoever waits for it notices, and makes another
                    Path(lock.lock_file).unlink()
            lock.release()

    def is_held(self, key: str) -> bool:
        """Return whether a process holds a key, or might: a lock in a read-only folder cannot be tried."""
        lock = self._lock(key)
        if not Path(lock.lock_file).exists():
            return False
        try:
            with lock.acquire(timeout=0):
                return False
        except OSError:  # as the lock's timeout is one
            return True

    def files(self) -> list[Path]:
        """Return all locks and notes; the name of each is its key, with a suffix."""
        return sorted(path for suffix in ("lock", "lease", "json") for path in self.folder.glob(f"[!.]*.{suffix}"))

    def working(self) -> dict[str, Note]:
        """Return what every process says of the key that it works on."""
        found = {}
        for path in self.folder.glob("[!.]*.json"):
            with suppress(OSError, ValidationError):  # it ended meanwhile; or this is no note
                note = Note.model_validate_json(read_regular(path))
                if self.is_held(path.stem):
                    found[path.stem] = note
        return found

    @property
    def uses_leases(self) -> bool:
        """Return whether a process has found that the file system has no locks."""
        return self._mark.exists()

    def _note(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _lock(self, key: str) -> BaseFileLock:
        from filelock import FileLock, SoftFileLease

        if self.uses_leases:
            file = self.folder / f"{key}.lease"
            return SoftFileLease(file, lease_duration=LEASE, heartbeat_interval=LEASE / BEATS)
        return FileLock(self.folder / f"{key}.lock", fallback_to_soft=False)

    def _acquired(self, key: str, *, wait: bool) -> BaseFileLock | None:
        """Return a lock that this process now holds, or None if another holds it and this one does not wait."""
        from filelock import Timeout

        lock = self._lock(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS or not _is_file_lock(lock):
                raise seal.unusable(self._root, error) from None
            self._mark.touch()
            return self._acquired(key, wait=wait)
        return lock


def _is_file_lock(lock: BaseFileLock) -> bool:
    return Path(lock.lock_file).suffix == ".lock"
