"""The page of paired comparisons of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from uebench.analysis.comparison import COLUMNS, Comparison
from uebench.report.caveats import FEW_SEEDS
from uebench.report.formats import Block, Page
from uebench.report.text import p_value, with_interval

NOTES = (
    "difference: clean test accuracy of a minus that of b, in points; negative: after a, the attacker recognises less",
    "seeds: method seeds x attacker seeds that were compared; n: test images",
    FEW_SEEDS,
)
NO_METHODS = "no two methods faced the same attacker on the same data set under the same preset"
NO_VALUES = "no two records on the same data set under the same preset differ in the option {} alone"
UNPAIRED = "*: the records do not say which photographs were recognised, so they are not paired; this is conservative"


def page(comparisons: Sequence[Comparison], peak: bool = False, across: str = "", tested: bool = False) -> Page:
    """Return the page of comparisons, with a block for each data set and attacker.

    Args:
        comparisons: The comparisons.
        peak: Whether they compare best epochs, for the title.
        across: The option whose values they compare; empty if they compare methods.
        tested: Whether pairs without a p value are left out.
    """
    rows = [comparison.document() for comparison in comparisons]
    blocks = []
    for title, group in groupby(rows, lambda row: f"{row['attacker']} on {row['data']}, preset {row['preset']}"):
        header = ("method a", "method b", "difference [95%]", "p", "p (Holm)", "seeds", "n")
        blocks.append(Block(title, header, [_line(row) for row in group]))
    tests = sum(row["p"] is not None for row in rows)
    notes = [*NOTES, f"p (Holm): corrected for the number of tests shown, {tests}"]
    if across:
        notes.append(f"attackers: that of a / that of b, where these differ in {across} too")
    if not all(row["paired"] for row in rows):
        notes.append(UNPAIRED)
    if not rows:
        nothing = NO_VALUES.format(across) if across else NO_METHODS
        notes = [f"{nothing}, each with three method seeds" if tested else nothing]
    what = f"values of {across}" if across else "methods"
    title = f"Paired comparisons of {what}{', each attacker after its best epoch' if peak else ''}"
    return Page(title, blocks, notes, rows, tuple(COLUMNS))


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    star = "" if row["paired"] else "*"
    p, corrected = ("-" if value is None else p_value(value) for value in (row["p"], row["p_holm"]))
    return (
        str(row["method_a"]), str(row["method_b"]),
        f"{with_interval(row['difference'], row['low'], row['high'], '+')}{star}", p, corrected, str(row["seeds"]),
        str(row["n"]),
    )  # fmt: skip
