"""Places labels beside points so that they cover neither each other nor the points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uebench.report.figures.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

DISTANCES = (8, 13, 20, 30, 42, 56, 72, 90, 120, 160)
"""The distances between a point and its label that are tried, in units of 1/72 inch."""
DIRECTIONS = 24
LINE_FROM = 20
"""From this distance on, a line connects the label with its point."""
MARKER, BAR, GAP = 4.0, 1.5, 2.0
"""Half the size of a marker, half the width of an interval, and the space around a label, in units of 1/72 inch."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A point with its vertical interval, in the units of the axes, and its label."""

    text: str
    x: float
    y: float
    low: float
    high: float


def place(axes: Axes, points: Sequence[Labelled], lines: Iterable[float] = ()) -> list[Annotation]:
    """Label points: near them where there is room, otherwise farther away with a line.

    Args:
        axes: The axes with the points; their limits and the layout of the figure must be final.
        points: The points.
        lines: The y values of horizontal lines, which labels leave free if possible.

    Returns:
        The labels.
    """
    from matplotlib.patheffects import withStroke

    unit = axes.figure.dpi / 72
    inside = axes.get_window_extent()
    centres = [_pixels(axes, point.x, point.y) for point in points]
    drawn = [box for point in points for box in _point_boxes(axes, point, unit)]
    drawn += [_line_box(axes, height, unit) for height in lines]
    labels = [
        axes.annotate(
            point.text, (point.x, point.y), (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8,
            path_effects=[withStroke(linewidth=2, foreground="white")], zorder=5,
        )
        for point in points
    ]  # fmt: skip
    sizes = [(box.width, box.height) for box in (label.get_window_extent() for label in labels)]
    boxes: dict[int, Bbox] = {}
    for number in [*range(len(points)), *range(len(points))]:  # twice, because the first labels do not know the last
        others = [box for other, box in boxes.items() if other != number]
        offset, boxes[number] = min(
            _candidates(centres[number], sizes[number], unit),
            key=lambda candidate: _badness(candidate[0], candidate[1], inside, others, drawn),
        )
        labels[number].set_position((offset[0] / unit, offset[1] / unit))
    for number, label in enumerate(labels):
        label.set_in_layout(False)
        _connect(axes, points[number], boxes[number], centres[number], unit)
    return labels


def _pixels(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Return the position of a point in pixels."""
    x_pixels, y_pixels = axes.transData.transform((x, y))
    return float(x_pixels), float(y_pixels)


def _point_boxes(axes: Axes, point: Labelled, unit: float) -> list[Bbox]:
    """Return the boxes of a marker and of its interval, in pixels."""
    from matplotlib.transforms import Bbox

    (x, y), (_, low), (_, high) = (_pixels(axes, point.x, value) for value in (point.y, point.low, point.high))
    marker, bar = MARKER * unit, BAR * unit
    return [Bbox([[x - marker, y - marker], [x + marker, y + marker]]), Bbox([[x - bar, low], [x + bar, high]])]


def _line_box(axes: Axes, height: float, unit: float) -> Bbox:
    """Return the box of a horizontal line across the axes, in pixels."""
    from matplotlib.transforms import Bbox

    inside = axes.get_window_extent()
    _, y = _pixels(axes, axes.get_xlim()[0], height)
    return Bbox([[inside.x0, y - BAR * unit], [inside.x1, y + BAR * unit]])


def _candidates(
    centre: tuple[float, float], size: tuple[float, float], unit: float
) -> Iterable[tuple[tuple[float, float], Bbox]]:
    """Yield possible positions of a label: the offset of its centre from its point, and its box, in pixels."""
    from matplotlib.transforms import Bbox

    half, gap = (size[0] / 2, size[1] / 2), GAP * unit
    for distance in DISTANCES:
        for step in range(DIRECTIONS):
            angle = 2 * math.pi * step / DIRECTIONS
            dx = math.cos(angle) * (distance * unit + half[0])
            dy = math.sin(angle) * (distance * unit + half[1])
            x, y = centre[0] + dx, centre[1] + dy
            yield (
                (dx, dy),
                Bbox([[x - half[0] - gap, y - half[1] - gap / 2], [x + half[0] + gap, y + half[1] + gap / 2]]),
            )


def _badness(
    offset: tuple[float, float], box: Bbox, inside: Bbox, labels: Iterable[Bbox], drawn: Iterable[Bbox]
) -> tuple[float, float, float]:
    """Return how bad a position is; the first value that differs decides between two.

    Returns:
        The area that covers other labels or lies outside the axes, the area that covers points and lines, and the
        distance from the point.
    """
    outside = box.width * box.height - _overlap(box, inside)
    return (
        outside + sum(_overlap(box, label) for label in labels),
        sum(_overlap(box, item) for item in drawn),
        math.hypot(*offset),
    )


def _overlap(one: Bbox, other: Bbox) -> float:
    """Return the area that two boxes have in common."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0, width) * max(0, height))


def _connect(axes: Axes, point: Labelled, box: Bbox, centre: tuple[float, float], unit: float) -> None:
    """Draw a line from a point to its label, if the label is far away."""
    x, y = min(max(centre[0], box.x0), box.x1), min(max(centre[1], box.y0), box.y1)
    if math.hypot(x - centre[0], y - centre[1]) < LINE_FROM * unit:
        return
    end = axes.transData.inverted().transform((x, y))
    axes.plot([point.x, end[0]], [point.y, end[1]], color=GREY, linewidth=0.6, zorder=1)
