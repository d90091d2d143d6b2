"""Requests: a run keeps the keys of its cells in the results folder until all of them are finished.

Other processes can therefore tell how much is left. A run that is killed, or stopped by its time limit, leaves its
request behind, and the same run continues with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from uebench.hashing import digest
from uebench.regular_files import read_regular
from uebench.store.atomic import put
from uebench.store.store import Store


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


def is_since(file: Path, moment: float) -> bool:
    """Return whether there is a file that was written at a moment of the file system's clock or later."""
    try:
        return file.stat().st_mtime >= moment
    except OSError:
        return False


@contextmanager
def requested(store: Store, keys: Iterable[str], *, force: bool = False, code: str = "") -> Iterator[RunRequest]:
    """Write a request and hold it while a run works on it; ``done`` removes it.

    The file of a forced request that was interrupted is kept, so that its results are not computed again.

    Args:
        store: The results folder.
        keys: The keys of all cells of the request, finished or not.
        force: Whether earlier results are computed again.
        code: A digest of the plugins' source code. A forced request does not continue one of other code.

    Yields:
        The request.

    Raises:
        StoreError: If it cannot be written.
    """
    content = _File(force=force, keys=tuple(keys), code=code if force else "")
    path = _path(store, content)
    with store.claims.claim_if_free(path.stem):  # keeps ``gc`` away; two runs may share a request
        if not (force and path.is_file()):
            put(path, content.model_dump_json().encode())
            if force:
                _date_back(store, content.keys, path.stat().st_mtime)
        yield RunRequest(path, content.keys, force, path.stat().st_mtime)


def _date_back(store: Store, keys: Iterable[str], now: float) -> None:
    """Let no record of these keys come from the future, as one copied from a machine whose clock is ahead.

    A forced run would take it for its own.
    """
    earlier = now - 1
    for key in keys:
        for file in (store.cells.path(key), store.protections.path(key)):
            with suppress(OSError):
                if file.stat().st_mtime >= now:
                    os.utime(file, (earlier, earlier))


def interrupted(store: Store, keys: Iterable[str], code: str = "") -> float | None:
    """Return the start of an unfinished forced run of these keys and this code, by the file system's clock, or None."""
    with suppress(OSError):
        return _path(store, _File(force=True, keys=tuple(keys), code=code)).stat().st_mtime
    return None


def done(request: RunRequest) -> None:
    """Remove a finished request."""
    with suppress(OSError):
        request.path.unlink(missing_ok=True)


def requests(store: Store) -> list[RunRequest]:
    """Return the unfinished requests."""
    unfinished = []
    for path in files(store):
        with suppress(OSError, ValidationError):  # it has been removed since, or is not a request
            content = _File.model_validate_json(read_regular(path))
            unfinished.append(RunRequest(path, content.keys, content.force, path.stat().st_mtime))
    return unfinished


def files(store: Store) -> list[Path]:
    """Return the files of the requests; the name of each is the key of its claim."""
    return sorted(folder(store).glob("[!.]*.json"))


def _path(store: Store, content: _File) -> Path:
    return folder(store) / f"{digest(content.model_dump(exclude_defaults=True))[:32]}.json"


def folder(store: Store) -> Path:
    """Return the folder of requests."""
    return store.work.folder / "requests"
