"""Removes files from a results folder that nothing refers to."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from uebench.errors import StoreError
from uebench.store import requests, seal
from uebench.store.atomic import TEMPORARY
from uebench.store.store import DamagedError, Store

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
    folders = [store.root / kind for kind in ("cells", "protected", "blobs", "models", "work")]
    temporary = [path for folder in folders for path in sorted(folder.rglob(f"{TEMPORARY}*"))]
    locks = store.claims.files()
    if any(store.claims.is_held(lock.stem) for lock in locks):
        temporary = []  # a running process may be writing one of them
    hold: Hold = store.claims.claim_if_free if delete else _without_holding(store)

    def unreferenced() -> Iterator[tuple[Path, str]]:
        yield from ((path, "was never finished") for path in temporary)
        for lock in locks:
            with hold(lock.stem) as free:
                if free:
                    is_note = lock.suffix == ".json"
                    yield lock, "of a process that ended" if is_note else "a lock that nobody holds"
        for request in requests.files(store):
            with hold(request.stem) as free:
                if free:
                    yield request, "of a run that ended"
        others = (store.claims.folder, requests.folder(store))
        for folder in sorted(path for path in store.work.glob("*") if path.is_dir() and path not in others):
            with hold(folder.name) as free:
                if free:
                    yield from _work(store, folder)
        records, damaged = store.readable_cells()
        referred = {record.protect_key for record in records}
        lost = {kind: store.lost_folders(kind) for kind in ("cells", "protected")}
        # a record that is damaged or out of reach may refer to any of them
        for blob in store.files("blobs") if not damaged and not lost["protected"] else ():
            with hold(blob.stem) as free:
                if free and not store.protection_path(blob.stem).exists() and blob.stem not in referred:
                    yield blob, "no record refers to this protected set"
        for model in store.files("models") if not lost["cells"] else ():
            with hold(model.stem) as free:
                if free and not store.cell_path(model.stem).exists():
                    yield model, "the model of a cell that has no record"

    garbage = []
    for path, reason in unreferenced():
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


def _work(store: Store, folder: Path) -> Iterator[tuple[Path, str]]:
    failure = store.failure_path(folder.name)
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
        return bool(store.read_cell(key) or store.read_protected(key))
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
        raise seal.unusable(path, error) from None
