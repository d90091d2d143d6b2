"""The figure of a table of the paper: measured accuracies with their intervals beside reported ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from uebench.errors import UsageError
from uebench.paper.fill import FilledPlace, FilledTable, cells_behind
from uebench.paper.place import ROLES
from uebench.report.figures.style import COLOURS, GREY, grid, legend_below, reference_handles
from uebench.report.text import literal
from uebench.store.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
"""The most panels in a row."""
MEASURED, REPORTED = COLOURS[0], COLOURS[1]
ABOVE = 0.22
"""How far above a measured point the reported one stands, in rows, so that neither hides the other."""


def figure(tables: Iterable[FilledTable]) -> Figure:
    """Draw a panel for each data set and condition with measurements, and in it a row for each method.

    Args:
        tables: Filled tables of the paper. Only their accuracies are drawn.

    Raises:
        UsageError: If no accuracy was measured.
    """
    from matplotlib.lines import Line2D

    panels = _panels(tables)
    if not panels:
        raise UsageError(
            "figure: no accuracy to draw; tables 3 to 6 and 8 and figures 4.1 to 4.3 have some once their cells are "
            "measured"
        )
    rows = max(len(places) for places in panels)
    shared = len({tuple(filled.place.label for filled in places) for places in panels}) == 1
    fig, drawn_on = grid(len(panels), ACROSS, margin=(1.6, 0.8), panel=(3.4, 0.7 + 0.3 * rows), sharey=shared)
    sets = {_set(places) for places in panels}
    if len(sets) == 1 and len(panels) > 1:
        fig.suptitle(literal(*sets), fontsize=10)
    for axes, places in zip(drawn_on, panels, strict=True):
        _draw(axes, places)
        place = places[0].place
        condition = "" if place.column == ROLES[place.role] else place.column
        lines = [condition] if condition and len(sets) == 1 < len(panels) else [condition, _set(places)]
        axes.set_title(literal("\n".join(filter(None, lines))), fontsize=9)
    drawn = [filled for places in panels for filled in places]
    handles = [Line2D([], [], color=MEASURED, marker="o", label="measured, 95% interval")]
    if any(filled.value is not None and filled.has_few_seeds for filled in drawn):
        handles.append(
            Line2D([], [], color=MEASURED, marker="o", markerfacecolor="white", label="too few seeds for a test")
        )
    if papers := {ROLES[filled.place.role] for filled in drawn if filled.reported is not None}:
        label = f"reported on {papers.pop()}" if len(papers) == 1 else "reported"
        handles.append(Line2D([], [], color=REPORTED, marker="D", linestyle="", markerfacecolor="white", label=label))
    has_clean = any(filled.clean is not None for filled in drawn)
    handles += reference_handles("measured without protection" if has_clean else "")
    title = "clean test accuracy, % (lower: better protection)"
    legend_below(fig, handles, title, ncols=2 if len(panels) == 1 else 4, title_size=9)
    return fig


def drawn_from(tables: Iterable[FilledTable]) -> list[Record]:
    """Return the records behind the points, each once."""
    return cells_behind(filled for places in _panels(tables) for filled in places)


def _panels(tables: Iterable[FilledTable]) -> list[list[FilledPlace]]:
    """Return the places of each data set and condition in which one of them was measured."""

    def panel(filled: FilledPlace) -> tuple[str, str]:
        return filled.place.role, filled.place.column

    places = [filled for table in tables for filled in table.places if filled.place.metric == "accuracy"]
    order = {name: number for number, name in enumerate(dict.fromkeys(map(panel, places)))}
    panels = [list(group) for _, group in groupby(sorted(places, key=lambda filled: order[panel(filled)]), panel)]
    return [group for group in panels if any(filled.value is not None for filled in group)]


def _draw(axes: Axes, places: Sequence[FilledPlace]) -> None:
    for row, filled in enumerate(places):
        if filled.reported is not None:
            above = row - ABOVE
            axes.plot(filled.reported, above, "D", color=REPORTED, markerfacecolor="white", markersize=5, zorder=3)
        if filled.value is not None and filled.interval is not None:
            inside = "white" if filled.has_few_seeds else MEASURED
            axes.plot(filled.value, row, "o", color=MEASURED, markerfacecolor=inside, markersize=5, zorder=4)
            axes.hlines(row, *filled.interval, color=MEASURED, linewidth=1.5)
        else:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(50, row, "not measured", ha="center", va="center", color=GREY, fontsize=7, zorder=2, bbox=box)
    measured = next(filled for filled in places if filled.value is not None)
    for value, style in ((measured.clean, "--"), (measured.chance, ":")):
        if value is not None:
            axes.axvline(value, color=GREY, linestyle=style, linewidth=1, zorder=1)
    axes.set_yticks(range(len(places)), [filled.place.label for filled in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GREY, alpha=0.15)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _set(places: Sequence[FilledPlace]) -> str:
    """Return the name and the size of the set that a panel is about."""
    measured = next(filled for filled in places if filled.value is not None)
    return f"{measured.data}, {measured.cells[0].data.size} pixels" if measured.cells else measured.data
