"""Requests: a run keeps the keys of its cells in the results folder until all of them are finished.

Other processes can therefore tell how much is left. A run that is killed, or stopped by its time limit, leaves its
request behind, and the same run continues with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from uebench.hashing import digest
from uebench.regular_files import read_regular
from uebench.store.atomic import put
from uebench.store.claims import Claims
from uebench.store.shelf import Shelf


class _File(BaseModel):
    force: bool
    keys: tuple[str, ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The request of a run.

    Attributes:
        path: Its file.
        keys: The keys of its cells and protected sets, finished or not.
        force: Whether earlier results are computed again.
        since: Its start, in seconds by the file system's clock.
    """

    path: Path
    keys: tuple[str, ...]
    force: bool
    since: float

    def done(self) -> None:
        """Remove the request, which is finished."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def is_since(file: Path, moment: float) -> bool:
    """Return whether there is a file that was written at a moment of the file system's clock or later."""
    try:
        return file.stat().st_mtime >= moment
    except OSError:
        return False


class Requests:
    """The requests of the runs that are unfinished, a file for each.

    Attributes:
        folder: The folder of these files.
    """

    def __init__(self, folder: Path, claims: Claims, records: Sequence[Shelf[Any]]) -> None:
        """Set the folder, which is not touched until something is read or written.

        Args:
            folder: The folder.
            claims: The claims of processes on keys.
            records: The shelves of the records that runs write.
        """
        self.folder = folder
        self._claims = claims
        self._records = records

    @contextmanager
    def hold(self, keys: Iterable[str], *, force: bool = False, code: str = "") -> Iterator[RunRequest]:
        """Write a request and hold it while a run works on it; ``RunRequest.done`` removes it.

        The file of a forced request that was interrupted is kept, so that its results are not computed again.

        Args:
            keys: The keys of all cells of the request, finished or not.
            force: Whether earlier results are computed again.
            code: A digest of the plugins' source code. A forced request does not continue one of other code.

        Yields:
            The request.

        Raises:
            StoreError: If it cannot be written.
        """
        content = _File(force=force, keys=tuple(keys), code=code if force else "")
        path = self._path(content)
        with self._claims.claim_if_free(path.stem):  # keeps ``gc`` away; two runs may share a request
            if not (force and path.is_file()):
                put(path, content.model_dump_json().encode())
                if force:
                    self._date_back(content.keys, path.stat().st_mtime)
            yield RunRequest(path, content.keys, force, path.stat().st_mtime)

    def _date_back(self, keys: Iterable[str], now: float) -> None:
        """Let no record of these keys come from the future, as one copied from a machine whose clock is ahead.

        A forced run would take it for its own.
        """
        earlier = now - 1
        for key in keys:
            for shelf in self._records:
                with suppress(OSError):
                    file = shelf.path(key)
                    if file.stat().st_mtime >= now:
                        os.utime(file, (earlier, earlier))

    def interrupted(self, keys: Iterable[str], code: str) -> float | None:
        """Return when an unfinished forced run of these keys and this code began, by the file system's clock, or None.

        For the arguments, see ``hold``.
        """
        with suppress(OSError):
            return self._path(_File(force=True, keys=tuple(keys), code=code)).stat().st_mtime
        return None

    def unfinished(self) -> list[RunRequest]:
        """Return the unfinished requests."""
        unfinished = []
        for path in self.files():
            with suppress(OSError, ValidationError):  # it has been removed since, or is not a request
                content = _File.model_validate_json(read_regular(path))
                unfinished.append(RunRequest(path, content.keys, content.force, path.stat().st_mtime))
        return unfinished

    def files(self) -> list[Path]:
        """Return the files of the requests; the name of each is the key of its claim."""
        return sorted(self.folder.glob("[!.]*.json"))

    def _path(self, content: _File) -> Path:
        return self.folder / f"{digest(content.model_dump(exclude_defaults=True))[:32]}.json"
