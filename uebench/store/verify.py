"""Checks that the files in a results folder are undamaged and consistent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from uebench.store import model, seal
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import SUFFIX, DamagedError, Store

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
    cells, protected = store.files("cells"), store.files("protected")
    blobs, models = store.files("blobs"), store.files("models")
    faults = [lost.fault for kind in SUFFIX for lost in store.lost_folders(kind)]
    faults += [*_records(cells, Record, own_key), *_records(protected, ProtectionRecord, own_key)]
    faults += _faults(blobs, lambda path: _check_blob(store, path))
    faults += _faults(models, model.load)
    folders = sorted(path for path in store.work.folder.glob("*") if path.is_dir())
    faults += _faults([store.work.failure_path(folder.name) for folder in folders], seal.load_failure)
    return Verified(len(cells), len(protected), len(blobs), len(models), faults)


def _records(paths: list[Path], kind: type[Record] | type[ProtectionRecord], own_key: FollowsFrom) -> Iterator[str]:
    def check(path: Path) -> None:
        record: Record | ProtectionRecord | None = seal.load(path, kind)  # type: ignore[type-var]
        if record and not own_key(record):
            raise DamagedError(path, "damaged record (its key does not follow from what it says)")

    return _faults(paths, check)


def _check_blob(store: Store, path: Path) -> None:
    protected = store.read_blob(path.stem)
    if path != store.blob_path(path.stem):
        raise DamagedError(path, "damaged protected set (it lies in the wrong folder)")
    record = store.read_protection_or_none(path.stem)  # a damaged one is reported with the records
    if protected and record and record.audit != protected.meta.audit:
        raise DamagedError(path, "damaged protected set (its record is of another one)")


def _faults(paths: list[Path], check: Callable[[Path], object]) -> Iterator[str]:
    for path in paths:
        try:
            check(path)
        except DamagedError as damage:
            yield damage.fault
