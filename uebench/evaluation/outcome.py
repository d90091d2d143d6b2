"""What became of the cells of a grid; importable without torch, so that a finished grid answers at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from uebench.planning.cell import Cell
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    status: Literal["done", "computed", "failed", "impossible"]
    record: dict[str, Any] | None = None
    reason: str = ""

    def stale(self) -> list[str]:
        """Return the plugins whose source changed since the record was made while their version did not."""
        sources = self.record["provenance"]["sources"] if self.record else {}
        return [p.entry.name for p in self.cell.plugins() if sources.get(p.entry.name) != p.entry.source_digest]

    @property
    def as_asked(self) -> dict[str, Any] | None:
        """Return the record under the names of this request; it may have been computed under longer ones."""
        written = {"method": self.cell.method.written, "attacker": self.cell.attacker_text}
        return {**self.record, "written": written} if self.record else None


def settled(cells: Iterable[Cell], store: Store) -> list[Outcome]:
    """Return the outcomes of cells of which nothing is to do."""
    return [
        Outcome(cell, "impossible", reason=cell.reason)
        if cell.status == "impossible"
        else Outcome(cell, "done", store.read_cell(cell.key))
        for cell in cells
    ]
