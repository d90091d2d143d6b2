"""A plan as tasks: a set is protected before it is attacked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from uebench.planning.cell import CellSpec, ProtectionSpec

TaskStatus = Literal["done", "computed", "failed"]
"""What became of a task: its result was there already, it was computed, or it failed."""


@dataclass(frozen=True)
class Task:
    """One piece of work; picklable.

    Attributes:
        kind: ``protect``: make a protected set; ``attack``: train on one and count.
        spec: What is made.
        needs: The key of the ``protect`` task that must end before, or None.
    """

    kind: Literal["protect", "attack"]
    spec: ProtectionSpec | CellSpec
    needs: str | None = None

    @property
    def key(self) -> str:
        """Return the address of what is made."""
        return self.spec.key


def protect_tasks(protections: Iterable[ProtectionSpec]) -> list[Task]:
    """Return a task for each protected set."""
    return [Task("protect", one) for one in protections]


def attack_tasks(cells: Iterable[CellSpec], there: Iterable[str] = ()) -> list[Task]:
    """Return the tasks of cells: every missing protected set once, then the attacks, which wait for it.

    Args:
        cells: What is to be measured.
        there: Keys of protected sets that need not be made.
    """
    known = set(there)
    cells = list(cells)
    missing = {cell.protect_key: cell.protection for cell in cells if cell.protect_key not in known}
    attacks = [Task("attack", cell, cell.protect_key if cell.protect_key in missing else None) for cell in cells]
    return [*protect_tasks(missing.values()), *attacks]
