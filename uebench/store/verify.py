"""Checks that the files in a results folder are undamaged and consistent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from uebench.store import seal
from uebench.store.record import ProtectionRecord, Record
from uebench.store.shelf import Shelf
from uebench.store.store import DamagedError, Store

FollowsFrom = Callable[[Record | ProtectionRecord], bool]
"""Returns whether the key of a record follows from its other fields."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a verification.

    Attributes:
        cells: The number of records of cells.
        protected: The number of records of protected sets.
        blobs: The number of protected sets.
        models: The number of kept models.
        faults: A line for each damaged file, and for each folder that cannot be read.
    """

    cells: int
    protected: int
    blobs: int
    models: int
    faults: list[str] = field(default_factory=list)


def verify(store: Store, own_key: FollowsFrom) -> Verified:
    """Check every record, every protected set, every kept model and every failure.

    Args:
        store: The results folder.
        own_key: Checks the key of a record, which only planning can compute.

    Raises:
        StoreError: If a file cannot be read, or a newer version of uebench wrote it.
    """
    cells, protected, blobs, models = (shelf.files() for shelf in store.shelves)
    faults = [lost.fault for shelf in store.shelves for lost in shelf.lost()]
    faults += _faults(cells, lambda path: _check_record(store.cells, path, own_key))
    faults += _faults(protected, lambda path: _check_record(store.protections, path, own_key))
    faults += _faults(blobs, lambda path: _check_set(store, path))
    faults += _faults(models, store.models.read_file)
    folders = sorted(path for path in store.work.folder.glob("*") if path.is_dir())
    faults += _faults([store.work.failure_path(folder.name) for folder in folders], seal.load_failure)
    return Verified(len(cells), len(protected), len(blobs), len(models), faults)


def _check_record(shelf: Shelf[Record] | Shelf[ProtectionRecord], path: Path, own_key: FollowsFrom) -> None:
    record = shelf.read_file(path)
    if record and not own_key(record):
        raise DamagedError(path, "damaged record (its key does not follow from what it says)")


def _check_set(store: Store, path: Path) -> None:
    protected = store.sets.read_file(path)
    record = store.protections.read_or_none(path.stem)  # a damaged one is reported with the records
    if protected and record and record.audit != protected.meta.audit:
        raise DamagedError(path, "damaged protected set (its record is of another one)")


def _faults(paths: list[Path], check: Callable[[Path], object]) -> Iterator[str]:
    for path in paths:
        try:
            check(path)
        except DamagedError as damage:
            yield damage.fault
