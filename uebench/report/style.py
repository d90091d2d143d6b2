"""What figures share: colours, and the names of groups and of gaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from uebench.report.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fd1", "#7a7a2c")
"""The colours of methods, or of groups of methods, in this order."""

GREY = "#444444"
"""The colour of references, of chance and of the text on a figure."""


def write_no_record(axes: Axes, x: float) -> None:
    """Write ``no record`` in the place of a bar."""
    axes.text(x, 2, "no record", ha="center", rotation=90, color=GREY, fontsize=7)


def name_groups(axes: Axes, groups: Sequence[str]) -> None:
    """Write the names of groups of attackers above the axes, and draw lines between the groups.

    Args:
        axes: Axes with an attacker at each whole number of x.
        groups: The group of each attacker.
    """
    start = 0
    for group, members in groupby(groups):
        end = start + len(list(members))
        if start:
            axes.axvline(start - 0.5, color=GREY, linewidth=0.5)
        axes.text(
            (start + end - 1) / 2, 1.01, literal(group), ha="center", va="bottom", style="italic", fontsize=9,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
        start = end
