"""The unfinished and the failed work of a results folder: checkpoints and failures."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from uebench.errors import StoreError
from uebench.regular_files import read_regular
from uebench.store import seal
from uebench.store.atomic import put
from uebench.store.claims import Claims
from uebench.store.record import Failure


class Work:
    """The work in progress on cells and protected sets, a folder for each key.

    Attributes:
        folder: The folder of these folders; it may be deleted.
        arrays: The arrays that Python calls were given as protected sets.
    """

    def __init__(self, folder: Path, claims: Claims) -> None:
        """Set the folder, which is not touched until something is read or written.

        Args:
            folder: The folder.
            claims: The claims of processes on keys.
        """
        self.folder, self.arrays = folder, folder / "arrays"
        self._claims = claims

    def write_checkpoint(self, key: str, stage: str, content: bytes) -> None:
        """Write the newest checkpoint of a stage of a cell or protected set, with its digest."""
        put(self._checkpoint(key, stage), hashlib.sha256(content).digest() + content)

    def read_checkpoint(self, key: str, stage: str) -> bytes | None:
        """Return the newest checkpoint of a stage, or None if there is none or it is damaged."""
        try:
            stored = read_regular(self._checkpoint(key, stage), most=None)
        except OSError:
            return None
        digest, content = stored[:32], stored[32:]
        return content if hashlib.sha256(content).digest() == digest else None

    def _checkpoint(self, key: str, stage: str) -> Path:
        return self.folder / key / f"{stage}.checkpoint"

    def forget(self, key: str) -> None:
        """Delete the checkpoints and the failure of a cell or protected set."""
        shutil.rmtree(self.folder / key, ignore_errors=True)

    def forget_before(self, moment: float, key: str) -> None:
        """Delete checkpoints and failures of a key that are older than a moment of the file system's clock."""
        for file in (self.folder / key).glob("*"):
            with suppress(OSError):
                if file.stat().st_mtime < moment:
                    file.unlink()

    def tidy(self, key: str) -> None:
        """Delete the work on a finished key, which a killed process left behind, unless a process holds the key."""
        if (self.folder / key).is_dir():
            with suppress(StoreError), self._claims.claim_if_free(key) as free:
                if free:
                    self.forget(key)

    def failure_path(self, key: str) -> Path:
        """Return the path of the failure of a cell or protected set, whether or not it exists."""
        return self.folder / key / "failed.json"

    def write_failure(self, failure: Failure) -> None:
        """Record the failure of a cell or protected set."""
        put(self.failure_path(failure.key), failure.model_dump_json().encode())

    def read_failure(self, key: str) -> Failure | None:
        """Return the failure of a cell or protected set, or None if there is none or its file is damaged."""
        return seal.unless_damaged(seal.load_failure, self.failure_path(key))

    def failures(self) -> list[Failure]:
        """Return all recorded failures."""
        keys = (path.parent.name for path in sorted(self.folder.glob("*/failed.json")))
        return [failure for key in keys if (failure := self.read_failure(key))]
