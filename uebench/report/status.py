"""What a results folder holds: cells, protected sets, damage, failures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uebench.hashing import abbreviated
from uebench.plugins.registry import Registry
from uebench.report import text
from uebench.store.record import Failure
from uebench.store.store import Store
from uebench.store.summary import Summary


@dataclass(frozen=True, slots=True)
class CellLine:
    """A cell in one line.

    Attributes:
        record: What its record says in short.
        stale: The plugins whose source has changed since, without a new version.
    """

    record: Summary
    stale: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        record = self.record
        return {
            "key": record.key, "data": record.data.name, "preset": record.preset,
            "method": record.written["method"], "attacker": record.written["attacker"], "seed": record.seed,
            "method_seed": record.method_seed,
            "correct": record.counts.correct, "n": record.counts.n, "stale": list(self.stale),
        }  # fmt: skip

    def __str__(self) -> str:
        """Return it for people."""
        record, counts = self.record, self.record.counts
        seed = text.seed(record.seed, record.method_seed)
        mark = f"  (stale: {', '.join(self.stale)})" if self.stale else ""
        return (
            f"{record.key[:12]}  {100 * counts.correct / counts.n:5.1f}%  {record.preset:5}  {record.data.name}: "
            f"{abbreviated(record.written['method'])} vs {abbreviated(record.written['attacker'])}, seed {seed}{mark}"
        )


@dataclass(frozen=True, slots=True)
class Status:
    """What a results folder holds.

    Attributes:
        cells: The cells asked for.
        protected: Keys of the protected sets that have a record.
        damaged: Records whose digest does not match.
        failures: What could not be computed.
    """

    cells: list[CellLine]
    protected: list[str]
    damaged: list[Path]
    failures: list[Failure]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "cells": [line.document() for line in self.cells],
            "protected": self.protected,
            "damaged": [str(path) for path in self.damaged],
            "failed": [failure.model_dump(mode="json") for failure in self.failures],
        }

    @property
    def summary(self) -> str:
        """Return how much there is of each."""
        return (
            f"{len(self.cells)} cells, {len(self.damaged)} damaged, {len(self.failures)} failed, "
            f"{len(self.protected)} protected sets"
        )


def status(store: Store, registry: Registry, *, stale_only: bool = False) -> Status:
    """Read a results folder.

    Args:
        store: The folder.
        registry: What plugins are compared with.
        stale_only: Leave out the cells of which no plugin has changed since.
    """
    cells, protected, damaged = [], [], []
    for path, record in store.summaries():
        if record is None:
            damaged.append(path)
        elif (changed := _changed(record, registry)) or not stale_only:
            cells.append(CellLine(record, changed))
    for path, protection in store.protections():
        if protection is None:
            damaged.append(path)
        else:
            protected.append(protection.protect_key)
    return Status(cells, protected, damaged, store.failures())


def _changed(record: Summary, registry: Registry) -> tuple[str, ...]:
    """Return the plugins of a record whose source differs from today's while the version does not."""
    parts = [("method", record.method), ("attacker", record.attacker[0])]
    parts += [("countermeasure", part) for part in record.attacker[1:]]
    found = []
    for kind, part in parts:
        if (kind, part.name) in registry:
            entry = registry.entry(kind, part.name)
            if entry.version == part.version and record.provenance.sources.get(part.name) != entry.source_digest:
                found.append(part.name)
    return tuple(found)
