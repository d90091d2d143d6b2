"""A plan as tasks: a set is protected before it is attacked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from uebench.planning.cell import CellSpec, ProtectionSpec

TaskStatus = Literal["done", "computed", "failed", "left"]
"""``done``: the result was there already; ``left``: for a later run."""


@dataclass(frozen=True)
class Task:
    """One piece of work; picklable.

    Attributes:
        kind: ``protect``: make a protected set; ``attack``: train on one and count correct answers.
        spec: The protected set or the cell to compute.
        needs: The key of the ``protect`` task that must finish first, or None.
        estimate: Seconds that it takes, or None if that is not known.
    """

    kind: Literal["protect", "attack"]
    spec: ProtectionSpec | CellSpec
    needs: str | None = None
    estimate: float | None = None

    @property
    def key(self) -> str:
        """Return the key of its result."""
        return self.spec.key


def protect_tasks(protections: Iterable[ProtectionSpec]) -> list[Task]:
    """Return a task for each protected set."""
    return [Task("protect", spec) for spec in protections]


def attack_tasks(cells: Iterable[CellSpec], stored: Iterable[str]) -> list[Task]:
    """Return the tasks of cells: each missing protected set once, before the first attack on it.

    Args:
        cells: The cells to measure.
        stored: Keys of protected sets that need not be made.
    """
    known, made = set(stored), set[str]()
    tasks: list[Task] = []
    for cell in cells:
        key = cell.protect_key
        if key not in known and key not in made:
            made.add(key)
            tasks += protect_tasks([cell.protection])
        tasks.append(Task("attack", cell, key if key in made else None))
    return tasks
