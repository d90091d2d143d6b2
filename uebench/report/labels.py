"""Labels beside points, where they cover neither each other nor what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uebench.report.figure4 import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

DISTANCES = (8, 13, 20, 30, 42, 56, 72, 90, 120, 160)
"""How far from its point a label may begin, in points of 1/72 inch."""
DIRECTIONS = 24
LED = 20
"""From this distance on, a line leads from the label to its point."""
MARKER, BAR, GAP = 4.0, 1.5, 2.0
"""Half a marker, half the width of an interval, and the space around a label, in points."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A point with its vertical interval and its label, in the units of the axes."""

    text: str
    x: float
    y: float
    low: float
    high: float


def place(axes: Axes, points: Sequence[Labelled], lines: Iterable[float] = ()) -> list[Annotation]:
    """Label points: near them where there is room, otherwise farther away with a line.

    Args:
        axes: Where the points are drawn; their limits and the layout of their figure must be final.
        points: The points.
        lines: Heights of horizontal lines, which labels leave free where they can.
    """
    from matplotlib.patheffects import withStroke

    unit = axes.figure.dpi / 72
    inside = axes.get_window_extent()
    centres = [_pixels(axes, one.x, one.y) for one in points]
    drawn = [box for one in points for box in _drawn(axes, one, unit)]
    drawn += [_line(axes, height, unit) for height in lines]
    made = [
        axes.annotate(
            one.text, (one.x, one.y), (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8,
            path_effects=[withStroke(linewidth=2, foreground="white")], zorder=5,
        )
        for one in points
    ]  # fmt: skip
    sizes = [(box.width, box.height) for box in (label.get_window_extent() for label in made)]
    taken: dict[int, Bbox] = {}
    for number in [*range(len(points)), *range(len(points))]:  # the second time, all others have their places
        others = [box for other, box in taken.items() if other != number]
        offset, taken[number] = min(
            _candidates(centres[number], sizes[number], unit),
            key=lambda found: _badness(found[0], found[1], inside, others, drawn),
        )
        made[number].set_position((offset[0] / unit, offset[1] / unit))
    for number, label in enumerate(made):
        label.set_in_layout(False)
        _lead(axes, points[number], taken[number], centres[number], unit)
    return made


def _pixels(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Return where a place of the axes lies on the picture."""
    across, up = axes.transData.transform((x, y))
    return float(across), float(up)


def _drawn(axes: Axes, one: Labelled, unit: float) -> list[Bbox]:
    """Return the boxes of a marker and of its interval, in pixels."""
    from matplotlib.transforms import Bbox

    (x, y), (_, low), (_, high) = (_pixels(axes, one.x, value) for value in (one.y, one.low, one.high))
    marker, bar = MARKER * unit, BAR * unit
    return [Bbox([[x - marker, y - marker], [x + marker, y + marker]]), Bbox([[x - bar, low], [x + bar, high]])]


def _line(axes: Axes, height: float, unit: float) -> Bbox:
    """Return the box of a horizontal line across the axes, in pixels."""
    from matplotlib.transforms import Bbox

    inside = axes.get_window_extent()
    _, y = _pixels(axes, axes.get_xlim()[0], height)
    return Bbox([[inside.x0, y - BAR * unit], [inside.x1, y + BAR * unit]])


def _candidates(
    centre: tuple[float, float], size: tuple[float, float], unit: float
) -> Iterable[tuple[tuple[float, float], Bbox]]:
    """Yield where the middle of a label may lie relative to its point, and its box, in pixels."""
    from matplotlib.transforms import Bbox

    half, gap = (size[0] / 2, size[1] / 2), GAP * unit
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            angle = 2 * math.pi * step / DIRECTIONS
            across, up = math.cos(angle), math.sin(angle)
            dx, dy = across * (distance * unit + half[0]), up * (distance * unit + half[1])
            x, y = centre[0] + dx, centre[1] + dy
            yield (
                (dx, dy),
                Bbox([[x - half[0] - gap, y - half[1] - gap / 2], [x + half[0] + gap, y + half[1] + gap / 2]]),
            )


def _badness(
    offset: tuple[float, float], box: Bbox, inside: Bbox, labels: Iterable[Bbox], drawn: Iterable[Bbox]
) -> tuple[float, float, float]:
    """Return what a place covers of other labels or lies outside, what it covers of points, and how far it is."""
    outside = box.width * box.height - _shared(box, inside)
    return (
        outside + sum(_shared(box, one) for one in labels),
        sum(_shared(box, one) for one in drawn),
        math.hypot(*offset),
    )


def _shared(one: Bbox, other: Bbox) -> float:
    """Return the area that two boxes share."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    up = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0, across) * max(0, up))


def _lead(axes: Axes, one: Labelled, box: Bbox, centre: tuple[float, float], unit: float) -> None:
    """Draw a line from a point to its label, if the label is far away."""
    x, y = min(max(centre[0], box.x0), box.x1), min(max(centre[1], box.y0), box.y1)
    if math.hypot(x - centre[0], y - centre[1]) < LED * unit:
        return
    end = axes.transData.inverted().transform((x, y))
    axes.plot([one.x, end[0]], [one.y, end[1]], color=GREY, linewidth=0.6, zorder=1)
