"""The geometry of the small charts on the HTML page; its templates draw them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from uebench.analysis.pairing import Pairing
from uebench.report.figures.style import LEAST
from uebench.store.record import Record

WIDTH, HEIGHT = 160, 80
"""The size of a small chart in SVG units; 0% is at the bottom and 100% at the top."""


def curve(records: Sequence[Record]) -> str:
    """Return the mean accuracy of runs after each epoch, up to the end of the shortest run, as an SVG path."""
    runs = [[100 * epoch.test_correct / record.counts.n for epoch in record.curve] for record in records]
    values = [fmean(epoch) for epoch in zip(*runs, strict=False)]
    step = WIDTH / max(1, len(values) - 1)
    points = [f"{number * step:.4g} {height(value)}" for number, value in enumerate(values)]
    return "M" + "L".join(points if len(points) > 1 else [*points, f"{WIDTH} {height(values[0])}"])


def bars(shares: Sequence[float]) -> str:
    """Return bars for shares in [0, 1], from left to right, as an SVG path of strokes."""
    step = WIDTH / len(shares)
    return "".join(
        f"M{(number + 0.5) * step:.4g} {HEIGHT}V{height(100 * share)}" for number, share in enumerate(shares)
    )


def height(percent: float) -> str:
    """Return the position of a percentage in a small chart, measured from the top."""
    return f"{HEIGHT * (1 - percent / 100):.3g}"


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A method in the chart of costs.

    Attributes:
        number: The method's number in the chart.
        pairing: The method against the attacker.
        seconds: The time to train or load the method and to protect the set.
        x: The horizontal position, in percent of the width.
    """

    number: int
    pairing: Pairing
    seconds: float
    x: float


@dataclass(frozen=True, slots=True)
class Costs:
    """The chart of costs: seconds on a logarithmic x axis, accuracy on the y axis.

    Attributes:
        points: The methods.
        ticks: The label of each tick, a power of ten in seconds, and its position in percent of the width.
    """

    points: tuple[ChartPoint, ...]
    ticks: tuple[tuple[str, float], ...]


def costs(methods: Iterable[tuple[int, Pairing, float]]) -> Costs | None:
    """Return the chart of costs, or None for fewer than two methods.

    Args:
        methods: The number, the pairing and the seconds of each method.
    """
    clamped = [(number, pairing, max(seconds, LEAST)) for number, pairing, seconds in methods]
    if len(clamped) < 2:
        return None
    first = math.floor(min(math.log10(seconds) for *_, seconds in clamped))
    last = max(first + 1, math.ceil(max(math.log10(seconds) for *_, seconds in clamped)))

    def position(exponent: float) -> float:
        return 100 * (exponent - first) / (last - first)

    points = tuple(
        ChartPoint(number, pairing, seconds, position(math.log10(seconds))) for number, pairing, seconds in clamped
    )
    return Costs(points, tuple((f"{10.0**power:,g}", position(power)) for power in range(first, last + 1)))
