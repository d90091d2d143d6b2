"""Choose the records that tables and figures are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from uebench.errors import UsageError, nearest
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.planning.streams import shares_start
from uebench.plugins import presets
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import Store

R = TypeVar("R", Record, ProtectionRecord, Record | ProtectionRecord)


def select(store: Store, preset: str | None = None, data: Sequence[str] = ()) -> tuple[list[Record], list[Path]]:
    """Select records of a results folder.

    Args:
        store: The results folder.
        preset: Only records of this preset; None for all.
        data: Only records of these data sets; empty for all.

    Returns:
        The records, and the files of damaged records, which are left out, as are those that contradict most others
        about the people of their data set; see also ``independent``.

    Raises:
        UsageError: If there is no such preset, or no record of a named set.
    """
    if preset is not None:
        presets.get(preset)
    readable, damaged = consistent_cells(store)
    records = independent(record for record in readable if preset in (None, record.preset))
    names = {record.data.name for record in records}
    for name in data:
        if name not in names:
            where = {record.preset for record in readable if record.data.name == name}
            remedy = f"its records have preset {', '.join(sorted(where))}" if where else nearest(name, names)
            raise UsageError(f"data {name!r}: no record of that set{f' at {preset}' if where else ''}; {remedy}")
    return [record for record in records if not data or record.data.name in data], damaged


def consistent_cells(store: Store) -> tuple[list[Record], list[Path]]:
    """Return the records of cells that agree about the people of each data set, and the files of all others.

    The others are damaged, or contradict most records of the same data set.
    """
    readable, damaged = store.cells.readable()
    records, contradicting = agreeing(readable)
    return records, [*damaged, *(store.cells.path(record.key) for record in contradicting)]


def agreeing(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records, and apart those that contradict most others about the people of the same data set."""
    records = list(records)
    sizes: dict[str, Counter[tuple[int, ...]]] = {}
    for record in records:
        sizes.setdefault(record.data_key, Counter())[_photographs(record)] += 1
    usual = {key: counted.most_common(1)[0][0] for key, counted in sizes.items()}
    agrees = {record.key for record in records if _photographs(record) == usual[record.data_key]}
    return [one for one in records if one.key in agrees], [one for one in records if one.key not in agrees]


def _photographs(record: Record) -> tuple[int, ...]:
    """Return the number of test photographs of each person."""
    return tuple(counts.n for counts in record.per_identity)


def independent(records: Iterable[Record]) -> list[Record]:
    """Leave out runs whose attacker began with the surrogate's weights, if the same pairing has other runs."""
    records = list(records)
    others = {_pairing(record) for record in records if not shares_start(record)}
    return [record for record in records if not shares_start(record) or _pairing(record) not in others]


def _pairing(record: Record) -> tuple[str, str, str, str]:
    return record.preset, record.data_key, MethodIdentity.of(record).text, AttackerIdentity.of(record).text


def one_of_each_set(records: Iterable[R]) -> list[R]:
    """Return one record for each protected set, so that a set that several attackers met counts once."""
    sets: dict[str, R] = {}
    for record in records:
        sets.setdefault(record.protect_key, record)
    return list(sets.values())
