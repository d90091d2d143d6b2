"""The accuracies of a table of the paper as points: measured with its interval, beside reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from uebench.errors import UsageError
from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.tables import ROLES
from uebench.report.figure4 import COLOURS, GREY
from uebench.store.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
"""Panels side by side, at most."""
MEASURED, REPORTED = COLOURS[0], COLOURS[1]


def figure(tables: Iterable[FilledTable]) -> Figure:
    """Draw a panel for each data set and condition of which something was measured, with a row for each method.

    Args:
        tables: Filled tables of the paper; what is no accuracy is left out.

    Raises:
        UsageError: If no accuracy was measured.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels = _panels(tables)
    if not panels:
        raise UsageError("figure: no accuracy to draw; tables 3 to 6 and 8 have some once their cells are measured")
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    rows = max(len(places) for places in panels)
    drawn = Figure(figsize=(1.6 + 3.4 * across, 0.8 + down * (0.7 + 0.3 * rows)), layout="constrained")
    for axes, places in zip(drawn.subplots(down, across, squeeze=False).flat, panels, strict=False):
        _draw(axes, places)
    for axes in drawn.axes[len(panels) :]:
        axes.set_visible(False)
    handles = [
        Line2D([], [], color=MEASURED, marker="o", label="measured, 95% interval"),
        Line2D([], [], color=REPORTED, marker="D", linestyle="", markerfacecolor="white", label="reported"),
        Line2D([], [], color=GREY, linestyle="--", label="measured without protection"),
        Line2D([], [], color=GREY, linestyle=":", label="chance"),
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=2 if across == 1 else 4, fontsize=8, frameon=False)
    return drawn


def drawn_from(tables: Iterable[FilledTable]) -> list[Record]:
    """Return the records behind the points, each once."""
    return list({cell.key: cell for places in _panels(tables) for one in places for cell in one.cells}.values())


def _panels(tables: Iterable[FilledTable]) -> list[list[FilledPlace]]:
    """Return the places of each data set and condition, where any was measured."""

    def panel(one: FilledPlace) -> tuple[str, str]:
        return one.place.role, one.place.column

    places = [one for table in tables for one in table.places if one.place.metric == "accuracy"]
    order = {name: number for number, name in enumerate(dict.fromkeys(map(panel, places)))}
    found = [list(part) for _, part in groupby(sorted(places, key=lambda one: order[panel(one)]), panel)]
    return [part for part in found if any(one.value is not None for one in part)]


def _draw(axes: Axes, places: Sequence[FilledPlace]) -> None:
    for row, one in enumerate(places):
        if one.reported is not None:
            axes.plot(one.reported, row, "D", color=REPORTED, markerfacecolor="white", markersize=6, zorder=3)
        if one.value is not None and one.interval is not None:
            axes.plot(one.value, row, "o", color=MEASURED, markersize=5, zorder=4)
            axes.hlines(row, *one.interval, color=MEASURED, linewidth=1.5)
        elif one.reported is None:
            axes.text(50, row, "no record", ha="center", va="center", color=GREY, fontsize=7)
    measured = next(one for one in places if one.value is not None)
    for value, style in ((measured.clean, "--"), (measured.chance, ":")):
        if value is not None:
            axes.axvline(value, color=GREY, linestyle=style, linewidth=1, zorder=1)
    axes.set_yticks(range(len(places)), [one.place.label for one in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("clean test accuracy, %", fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GREY, alpha=0.15)
    axes.spines[["top", "right", "left"]].set_visible(False)
    place = measured.place
    condition = "" if place.column == ROLES[place.role] else f"{place.column}, "
    axes.set_title(f"{condition}{measured.data}", fontsize=9)
