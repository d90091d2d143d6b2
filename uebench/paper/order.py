"""In which order the cells of the paper's tables are computed: first what decides most in an hour.

The headline tables come first: Table 3, then 5, 8 and Figure 4, then the rest. Within each of these, one run of each
entry comes before further seeds. Among equals, the protected set comes first whose cells serve most entries and claims
for each hour that the set and its cells take; and of its cells, the one that serves most for each hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from uebench.paper.match import address
from uebench.paper.tables import Table
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.grid import PlannedCell

HEADLINES = ("3", "5", "8", "figure4")


class Worth(NamedTuple):
    """What a measurement is good for.

    Attributes:
        rank: Of the first headline table that it serves, as ``rank`` gives it.
        serves: How many entries of tables and figures need it, and how many claims are decided by these.
    """

    rank: int
    serves: int


def rank(table: Table) -> int:
    """Return the place of a table among the headlines, from 0; all others share the last."""
    name = table.name.partition(".")[0]
    return HEADLINES.index(name) if name in HEADLINES else len(HEADLINES)


def in_order(
    cells: Iterable[PlannedCell],
    worth: Callable[[CellSpec], Worth],
    seconds: Callable[[CellSpec | ProtectionSpec], float | None],
    there: Collection[str] = (),
) -> list[PlannedCell]:
    """Return cells in the order in which they decide most in an hour, as this module's docstring says.

    Args:
        cells: What is to be measured; of the runs of one entry, the first comes first.
        worth: What a cell is good for.
        seconds: How long a cell, or its protected set, takes. A cell of which this is not known counts as long as the
            longest of the others, a set as none.
        there: Keys of protected sets that need not be made.
    """
    runs: Counter[tuple[str, str]] = Counter()
    levels: dict[tuple[int, int], dict[str, list[PlannedCell]]] = {}
    for one in cells:
        level = worth(one.spec).rank, runs[address(one.spec)]
        runs[address(one.spec)] += 1
        levels.setdefault(level, {}).setdefault(one.spec.protect_key, []).append(one)
    everything = [one for sets in levels.values() for group in sets.values() for one in group]
    times = {one.spec.key: seconds(one.spec) for one in everything}
    longest = max((time for time in times.values() if time), default=1.0)

    def gain(group: list[PlannedCell], first: float = 0.0) -> float:
        return sum(worth(one.spec).serves for one in group) / (
            first + sum(times[one.spec.key] or longest for one in group)
        )

    made, ordered = set(there), list[PlannedCell]()
    for _, sets in sorted(levels.items()):
        needed = {key: seconds(group[0].spec.protection) or 0.0 for key, group in sets.items() if key not in made}
        made |= needed.keys()
        for key in sorted(sets, key=lambda key: -gain(sets[key], needed.get(key, 0.0))):
            ordered += sorted(sets[key], key=lambda one: -gain([one]))
    return ordered
