"""The chart of costs of a study: seconds per 1,000 images on the x axis, accuracy on the y axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from uebench.analysis.pairing import Pairing
from uebench.analysis.study import MeasuredPlace, columns
from uebench.errors import UsageError
from uebench.report.caveats import single_seeds
from uebench.report.figures.label_places import Labelled, place
from uebench.report.figures.style import COLOURS, GREY, LEAST, error_lengths, grid, legend_below, reference_handles
from uebench.report.study.metrics import seconds
from uebench.report.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 2
"""The most panels in a row."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
"""The markers of groups of methods, so that groups differ in more than colour."""
HOLLOW = "hollow: may change a pixel by more than the others"


@dataclass(frozen=True, slots=True)
class Point:
    """A method in a panel.

    Attributes:
        name: The study's name for the method.
        group: The method's group.
        pairing: The method against the attacker.
        seconds: The time to train or load the method and to protect, per 1,000 images.
    """

    name: str
    group: str
    pairing: Pairing
    seconds: float

    @property
    def bounded(self) -> bool:
        """Return whether its budget bounds the change of each pixel."""
        return self.pairing.records[0].audit.norm == "linf"


def figure(measured: Sequence[MeasuredPlace]) -> Figure:
    """Draw a panel for each attacker on each data set, with the clean reference dashed and chance dotted.

    Args:
        measured: The places of a study; see ``analysis.study.measure``.

    Raises:
        UsageError: If there is no finished cell of a method to draw.
    """
    panels = [column for column in columns(measured) if _points(column)]
    if not panels:
        raise UsageError("cost: no finished cell of a method to draw; uebench study run computes them")
    groups = dict.fromkeys(one.place.method.group for one in columns(measured)[0][1:])
    styles = {group: (COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]) for n, group in enumerate(groups)}
    fig, drawn_on = grid(len(panels), ACROSS, margin=(0.0, 0.6), panel=(7.0, 4.6))
    for axes, column in zip(drawn_on, panels, strict=True):
        _panel(axes, column, styles)
    _legend(fig, panels, styles, single_seeds(measured))
    fig.draw_without_rendering()  # makes the layout final, so that labels can be placed
    for axes, column in zip(drawn_on, panels, strict=True):
        place(axes, [_labelled(point) for point in _points(column)], _lines(column))
    return fig


def _points(column: Sequence[MeasuredPlace]) -> list[Point]:
    """Return the measured methods of a panel, without the clean reference."""
    points = []
    for one in column[1:]:
        cost = seconds(one)
        if one.pairing and cost is not None:
            points.append(Point(one.place.method.name, one.place.method.group, one.pairing, max(cost, LEAST)))
    return points


def _panel(axes: Axes, column: Sequence[MeasuredPlace], styles: Mapping[str, tuple[str, str]]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    points, attacker, data = _points(column), column[0].place.attacker, column[0].place.data
    for point in points:
        colour, marker = styles[point.group]
        mean = point.pairing.accuracy
        errors = [[length] for length in error_lengths(mean, point.pairing.interval)]
        axes.errorbar(
            point.seconds, mean, errors, color=colour, marker=marker, markersize=6.5,
            markerfacecolor=colour if point.bounded else "white", capsize=2, elinewidth=1, zorder=3,
        )  # fmt: skip
    for height, style in zip(_lines(column), (":", "--"), strict=False):
        axes.axhline(height, color=GREY, linestyle=style, linewidth=1, zorder=1)
    costs = [point.seconds for point in points]
    axes.set_xscale("log")
    axes.set_xlim(min(costs) / 3, max(costs) * 3)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(
        f"seconds to train (or load) the method and protect, per 1,000 images{_missing(column)}", fontsize=9
    )
    axes.set_ylabel("clean test accuracy left, %", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    preset = points[0].pairing.records[0].preset
    axes.set_title(literal(f"{attacker.name} on {data.name}, preset {preset}"), fontsize=10)


def _lines(column: Sequence[MeasuredPlace]) -> list[float]:
    """Return chance and, if measured, the accuracy of the clean reference, in percent."""
    clean = column[0]
    chance = 100 * clean.place.cells[0].spec.data.record.chance
    return [chance, clean.pairing.accuracy] if clean.pairing else [chance]


def _missing(column: Sequence[MeasuredPlace]) -> str:
    """Return a line that names the methods missing from a panel; empty if there are none."""
    drawn = {point.name for point in _points(column)}
    names = [one.place.method.name for one in column[1:] if one.place.method.name not in drawn]
    return literal("\n" + fill(f"no time recorded: {', '.join(names)}", 90)) if names else ""


def _legend(
    fig: Figure, panels: Sequence[Sequence[MeasuredPlace]], styles: Mapping[str, tuple[str, str]], title: str
) -> None:
    from matplotlib.lines import Line2D

    points = [point for column in panels for point in _points(column)]
    groups = {point.group for point in points}
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=literal(group))
        for group, (colour, marker) in styles.items()
        if group and group in groups
    ]
    if not all(point.bounded for point in points):
        handles.append(Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label=HOLLOW))
    handles += reference_handles(literal(panels[0][0].place.method.name))
    legend_below(fig, handles, title, ncols=3)


def _labelled(point: Point) -> Labelled:
    return Labelled(literal(point.name), point.seconds, point.pairing.accuracy, *point.pairing.interval)
