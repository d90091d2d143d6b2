"""What runs have been asked for: each leaves the keys of its cells in the results folder until all are there.

So another process can say how much is left. A run that is killed, or that its time limit stops, leaves its request; the
same run takes it up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from uebench.hashing import digest
from uebench.regular import read_regular
from uebench.store.store import Store


class _File(BaseModel):
    force: bool
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a run was asked for.

    Attributes:
        path: Where it is kept.
        keys: The keys of its cells and protected sets, finished or not.
        force: Whether what was there before is computed again.
        since: When it began, by the clock of the file system.
    """

    path: Path
    keys: tuple[str, ...]
    force: bool
    since: float


@contextmanager
def requested(store: Store, keys: Iterable[str], *, force: bool = False) -> Iterator[Request]:
    """Keep a request while it is worked on; ``done`` removes it. A forced one that was interrupted resumes.

    Args:
        store: The results folder.
        keys: Of all cells of the request, finished or not.
        force: Whether what was there before is computed again.

    Raises:
        StoreError: If it cannot be written.
    """
    content = _File(force=force, keys=tuple(keys))
    path = _path(store, content)
    with store.claims.claim_if_free(path.stem):  # for ``gc``; two runs may work on the same
        if not (force and path.is_file()):
            store.put(path, content.model_dump_json().encode())
        yield Request(path, content.keys, force, path.stat().st_mtime)


def interrupted(store: Store, keys: Iterable[str]) -> float | None:
    """Return when a forced run of these keys began that ended before it was done, or None if there is none."""
    with suppress(OSError):
        return _path(store, _File(force=True, keys=tuple(keys))).stat().st_mtime
    return None


def done(request: Request) -> None:
    """Remove a request of which nothing is left."""
    with suppress(OSError):
        request.path.unlink(missing_ok=True)


def requests(store: Store) -> list[Request]:
    """Return the requests that are not done."""
    found = []
    for path in files(store):
        with suppress(OSError, ValidationError):  # it is done meanwhile; or it is no request
            content = _File.model_validate_json(read_regular(path))
            found.append(Request(path, content.keys, content.force, path.stat().st_mtime))
    return found


def files(store: Store) -> list[Path]:
    """Return where they are kept; the name of each is the key by which it is held."""
    return sorted(folder(store).glob("[!.]*.json"))


def _path(store: Store, content: _File) -> Path:
    return folder(store) / f"{digest(content.model_dump())[:32]}.json"


def folder(store: Store) -> Path:
    """Return the folder of requests."""
    return store.work / "requests"
