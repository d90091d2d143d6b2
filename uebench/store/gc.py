"""Removes files from a results folder that nothing refers to."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import Path

from uebench.errors import StoreError
from uebench.store import seal
from uebench.store.atomic import TEMPORARY, unusable
from uebench.store.store import DamagedError, Store

RECENT = 3600.0
"""Seconds for which an array is spared: a call that has just begun holds no key yet."""
Hold = Callable[[str], AbstractContextManager[bool]]
"""Returns a context that yields whether a key is free, and holds it if something is to be deleted."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file or folder that nothing refers to.

    Attributes:
        path: The file, or the folder with its contents.
        reason: The reason why it is not needed.
        size: Size in bytes.
    """

    path: Path
    reason: str
    size: int


def gc(store: Store, *, delete: bool = False) -> list[Garbage]:
    """List the files and folders that nothing refers to and that no running process holds.

    Args:
        store: The results folder.
        delete: Whether to delete them too.

    Raises:
        StoreError: If something cannot be read or deleted, or a newer version of uebench wrote it.
    """
    folders = [*(shelf.folder for shelf in store.shelves), store.work.folder]
    temporary = [path for folder in folders for path in sorted(folder.rglob(f"{TEMPORARY}*"))]
    arrays = [path for path in sorted(store.work.arrays.glob("*.npy")) if time.time() - path.stat().st_mtime > RECENT]
    locks = store.claims.files()
    if any(store.claims.is_held(lock.stem) for lock in locks):
        temporary, arrays = [], []  # a running process may be writing or reading one of them
    hold: Hold = store.claims.claim_if_free if delete else _without_holding(store)

    garbage = []
    for path, reason in chain(
        ((path, "was never finished") for path in temporary),
        ((path, "an array that an earlier call was given") for path in arrays),
        _locks(locks, hold),
        _requests(store, hold),
        _unfinished(store, hold),
        _sets(store, hold),
        _models(store, hold),
    ):
        garbage.append(Garbage(path, reason, _size(path)))
        if delete:
            _remove(path)
    return garbage


def _without_holding(store: Store) -> Hold:
    """Return a replacement for ``claim_if_free`` that writes nothing."""

    @contextmanager
    def look(key: str) -> Iterator[bool]:
        yield not store.claims.is_held(key)

    return look


def _free(paths: Iterable[Path], hold: Hold, key: Callable[[Path], str] = attrgetter("stem")) -> Iterator[Path]:
    """Yield the paths whose keys are free, and hold each key until the next path is asked for."""
    for path in paths:
        with hold(key(path)) as free:
            if free:
                yield path


def _locks(files: Iterable[Path], hold: Hold) -> Iterator[tuple[Path, str]]:
    for file in _free(files, hold):
        is_note = file.suffix == ".json"
        yield file, "of a process that ended" if is_note else "a lock that nobody holds"


def _requests(store: Store, hold: Hold) -> Iterator[tuple[Path, str]]:
    for request in _free(store.requests.files(), hold):
        yield request, "of a run that ended"


def _unfinished(store: Store, hold: Hold) -> Iterator[tuple[Path, str]]:
    others = (store.claims.folder, store.requests.folder, store.work.arrays)
    folders = sorted(path for path in store.work.folder.glob("*") if path.is_dir() and path not in others)
    for folder in _free(folders, hold, key=attrgetter("name")):
        yield from _work(store, folder)


def _sets(store: Store, hold: Hold) -> Iterator[tuple[Path, str]]:
    records, damaged = store.cells.readable()
    if damaged or store.protections.lost():
        return  # a record that is damaged or out of reach may refer to any of them
    referred = {record.protect_key for record in records}
    for blob in _free(store.sets.files(), hold):
        if not os.path.lexists(store.protections.path(blob.stem)) and blob.stem not in referred:
            yield blob, "no record refers to this protected set"


def _models(store: Store, hold: Hold) -> Iterator[tuple[Path, str]]:
    if store.cells.lost():
        return  # a record that is out of reach may be that of any of them
    for model in _free(store.models.files(), hold):
        if not os.path.lexists(store.cells.path(model.stem)):  # a broken link is a record that is out of reach
            yield model, "the model of a cell that has no record"


def _work(store: Store, folder: Path) -> Iterator[tuple[Path, str]]:
    failure = store.work.failure_path(folder.name)
    holds_more = any(path != failure for path in folder.iterdir())
    if _is_finished(store, folder.name):
        yield folder, "the work of something finished"
        return
    try:
        if seal.load_failure(failure) is None and not holds_more:
            yield folder, "an empty folder"
    except DamagedError:
        yield failure if holds_more else folder, "a damaged failure"


def _is_finished(store: Store, key: str) -> bool:
    try:
        return bool(store.cells.read(key) or store.sets.read(key))
    except StoreError:  # it is damaged, or cannot be read now
        return False


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    try:
        return sum(file.lstat().st_size for file in files if not file.is_dir())
    except OSError:  # it has been deleted since
        return 0


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise unusable(path, error) from None
