"""The contents of a results folder: cells, protected sets, damaged records and failures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uebench.hashing import abbreviated
from uebench.planning.identity import plugins_of
from uebench.planning.staleness import changed_plugins
from uebench.plugins.registry import Registry
from uebench.report import text
from uebench.store.record import Failure
from uebench.store.store import Store
from uebench.store.summary import Summary


@dataclass(frozen=True, slots=True)
class CellLine:
    """A cell in one line.

    Attributes:
        record: The summary of its record.
        stale: The plugins whose source code has changed since, without a new version.
    """

    record: Summary
    stale: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the cell as JSON values."""
        record = self.record
        return {
            "key": record.key, "data": record.data.name, "preset": record.preset,
            "method": record.written["method"], "attacker": record.written["attacker"], "seed": record.seed,
            "method_seed": record.method_seed,
            "correct": record.counts.correct, "n": record.counts.n, "stale": list(self.stale),
        }  # fmt: skip

    def __str__(self) -> str:
        """Return the line for readers."""
        record, counts = self.record, self.record.counts
        seed = text.seed(record.seed, record.method_seed)
        mark = f"  (stale: {', '.join(self.stale)})" if self.stale else ""
        return (
            f"{record.key[:12]}  {100 * counts.share:5.1f}%  {record.preset:5}  {record.data.name}: "
            f"{abbreviated(record.written['method'])} vs {abbreviated(record.written['attacker'])}, seed {seed}{mark}"
        )


@dataclass(frozen=True, slots=True)
class Status:
    """The contents of a results folder.

    Attributes:
        cells: The cells, or only the stale ones.
        protected: The keys of the records of protected sets.
        damaged: The files of damaged records.
        failures: The failures.
    """

    cells: list[CellLine]
    protected: list[str]
    damaged: list[Path]
    failures: list[Failure]

    def document(self) -> dict[str, Any]:
        """Return the contents as JSON values."""
        return {
            "cells": [line.document() for line in self.cells],
            "protected": self.protected,
            "damaged": [str(path) for path in self.damaged],
            "failed": [failure.model_dump(mode="json") for failure in self.failures],
        }

    @property
    def summary(self) -> str:
        """Return the counts in one line."""
        return (
            f"{len(self.cells)} cells, {len(self.damaged)} damaged, {len(self.failures)} failed, "
            f"{len(self.protected)} protected sets"
        )


def status(store: Store, registry: Registry, *, stale_only: bool = False) -> Status:
    """Read a results folder.

    Args:
        store: The folder.
        registry: The plugins of today, with which those of the records are compared.
        stale_only: Return only stale cells.
    """
    cells, protected, damaged = [], [], []
    for path, record in store.summaries:
        if record is None:
            damaged.append(path)
        elif (stale := _stale(record, registry)) or not stale_only:
            cells.append(CellLine(record, stale))
    for path, protection in store.protections:
        if protection is None:
            damaged.append(path)
        else:
            protected.append(protection.protect_key)
    return Status(cells, protected, damaged, store.failures())


def _stale(record: Summary, registry: Registry) -> tuple[str, ...]:
    known = [(kind, part.name) for kind, part in plugins_of(record) if (kind, part.name) in registry]
    return changed_plugins(record, (registry.entry(kind, name) for kind, name in known))
