"""Tell quick protected sets from slow ones, for commands that choose the methods themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from uebench.planning.cell import ProtectionSpec
from uebench.store.store import Store

QUICK = 60
"""Seconds that the training of a method may take if nobody named the method."""


class BySpeed(NamedTuple):
    """Protected sets, sorted by the time that they take.

    Attributes:
        quick: The sets that are stored, take less than a minute by their record, or need no training.
        slow: All others.
    """

    quick: list[ProtectionSpec]
    slow: list[ProtectionSpec]


def choose_quick(specs: Iterable[ProtectionSpec], store: Store) -> BySpeed:
    """Sort protected sets into quick and slow ones, each in their order."""
    sets = BySpeed([], [])
    for spec in specs:
        (sets.quick if _is_quick(spec, store) else sets.slow).append(spec)
    return sets


def _is_quick(spec: ProtectionSpec, store: Store) -> bool:
    if store.sets.path(spec.key).exists():
        return True
    if record := store.protections.read_or_none(spec.key):
        return record.timings.fit_seconds < QUICK
    return not spec.method.entry.info.trains or bool(spec.assets)
