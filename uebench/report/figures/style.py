"""What figures share: colours, grids of panels, legends, error bars, and the names of groups and of gaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from uebench.report.text import literal

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fd1", "#7a7a2c")
"""The colours of methods, or of groups of methods, in this order."""

GREY = "#444444"
"""The colour of references, of chance and of the text on a figure."""


LEAST = 0.01
"""The least cost on a logarithmic axis, in seconds. Methods that cost less are drawn there."""


def grid(
    count: int, most: int, margin: tuple[float, float], panel: tuple[float, float], sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, row by row.

    Args:
        count: The number of panels.
        most: The most panels in a row.
        margin: What the figure needs beside its panels, width and height in inches.
        panel: The width and the height of a panel in inches.
        sharey: Whether the panels share the y axis.
    """
    from matplotlib.figure import Figure

    across = min(most, count)
    down = -(-count // across)
    fig = Figure(figsize=(margin[0] + panel[0] * across, margin[1] + panel[1] * down), layout="constrained")
    panels = list(fig.subplots(down, across, squeeze=False, sharey=sharey).flat)
    for unused in panels[count:]:
        unused.set_visible(False)
    return fig, panels[:count]


def error_lengths(mean: float, interval: tuple[float, float]) -> tuple[float, float]:
    """Return the lengths of an error bar below and above a mean."""
    low, high = interval
    return max(0.0, mean - low), max(0.0, high - mean)


def reference_handles(clean: str) -> list[Line2D]:
    """Return the handles for a legend of the clean reference, dashed, and of chance, dotted.

    Args:
        clean: The label of the clean reference; empty to leave it out.
    """
    from matplotlib.lines import Line2D

    chance = Line2D([], [], color=GREY, linestyle=":", label="chance")
    return [Line2D([], [], color=GREY, linestyle="--", label=clean), chance] if clean else [chance]


def legend_below(fig: Figure, handles: Sequence[Artist], title: str, ncols: int, title_size: int = 8) -> None:
    """Draw a legend below the panels of a figure.

    Args:
        fig: The figure.
        handles: The entries of the legend.
        title: The title; empty for none.
        ncols: The number of columns.
        title_size: The size of the title in points.
    """
    fig.legend(
        handles=handles, title=title, title_fontsize=title_size, loc="outside lower center", ncols=ncols, fontsize=8,
        frameon=False,
    )  # fmt: skip


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
