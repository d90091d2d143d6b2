"""Order the cells of the paper's tables: first those that decide most per hour.

The headline tables come first: Table 3, then 5, 8 and Figure 4, then the rest. Within each of these, one run of each
entry comes before further seeds. Equal sets are ordered by the entries and claims that their cells serve per hour of
computing the set and its cells, and the cells of a set by those that each serves per hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from uebench.paper.match import address
from uebench.paper.place import Table
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.grid import PlannedCell

HEADLINES = ("3", "5", "8", "figure4")


class Worth(NamedTuple):
    """The use of a measurement.

    Attributes:
        rank: ``rank`` of the first headline table that it serves.
        serves: Number of entries of tables and figures that need it, plus the claims that each of these decides.
    """

    rank: int
    serves: int


def rank(table: Table) -> int:
    """Return the position of a table among the headlines, from 0; all others share the last."""
    name = table.name.partition(".")[0]
    return HEADLINES.index(name) if name in HEADLINES else len(HEADLINES)


def in_order(
    cells: Iterable[PlannedCell],
    worth: Callable[[CellSpec], Worth],
    seconds: Callable[[CellSpec | ProtectionSpec], float | None],
    stored: Collection[str] = (),
) -> list[PlannedCell]:
    """Order cells so that those that decide most per hour come first; see this module's docstring.

    Args:
        cells: The cells to measure; the runs of one entry keep their order.
        worth: Returns the use of a cell.
        seconds: Returns how long a cell, or its protected set, takes, or None. An unknown cell counts like the longest
            known one, an unknown set as 0.
        stored: Keys of protected sets that need not be made.
    """
    runs: Counter[tuple[str, str]] = Counter()
    levels: dict[tuple[int, int], dict[str, list[PlannedCell]]] = {}
    times: dict[str, float | None] = {}
    for one in cells:
        entry = address(one.spec)
        levels.setdefault((worth(one.spec).rank, runs[entry]), {}).setdefault(one.spec.protect_key, []).append(one)
        runs[entry] += 1
        times[one.spec.key] = seconds(one.spec)
    longest = max((time for time in times.values() if time), default=1.0)

    def gain(group: list[PlannedCell], first: float = 0.0) -> float:
        needs = first + sum(times[one.spec.key] or longest for one in group)
        return sum(worth(one.spec).serves for one in group) / needs

    made, ordered = set(stored), list[PlannedCell]()
    for _, sets in sorted(levels.items()):
        needed = {key: seconds(group[0].spec.protection) or 0.0 for key, group in sets.items() if key not in made}
        made |= needed.keys()
        for key in sorted(sets, key=lambda key: -gain(sets[key], needed.get(key, 0.0))):
            ordered += sorted(sets[key], key=lambda one: -gain([one]))
    return ordered
