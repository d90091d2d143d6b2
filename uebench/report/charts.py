"""The geometry of the small charts of the HTML page; its templates draw them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from uebench.analysis.leaderboard import Pairing
from uebench.store.record import Record

WIDTH, HEIGHT = 160, 80
"""Of a small chart, in SVG units; 0% is at its foot and 100% at its head."""


def curve(records: Sequence[Record]) -> str:
    """Return the accuracy after each epoch, mean over runs, as an SVG path; runs that stopped early end it."""
    runs = [[100 * epoch.test_correct / record.counts.n for epoch in record.curve] for record in records]
    values = [fmean(epoch) for epoch in zip(*runs, strict=False)]
    step = WIDTH / max(1, len(values) - 1)
    points = [f"{number * step:.4g} {height(value)}" for number, value in enumerate(values)]
    return "M" + "L".join(points if len(points) > 1 else [*points, f"{WIDTH} {height(values[0])}"])


def bars(shares: Sequence[float]) -> str:
    """Return a bar for each share in [0, 1], from the left, as an SVG path of strokes."""
    step = WIDTH / len(shares)
    return "".join(
        f"M{(number + 0.5) * step:.4g} {HEIGHT}V{height(100 * share)}" for number, share in enumerate(shares)
    )


def height(percent: float) -> str:
    """Return where a percentage lies in a small chart, from its head."""
    return f"{HEIGHT * (1 - percent / 100):.3g}"


@dataclass(frozen=True, slots=True)
class Point:
    """A method in the chart of costs.

    Attributes:
        number: What the chart calls it.
        pairing: What the attacker recognises.
        seconds: What it took to train the method and to protect the set.
        x: Where it lies, in percent of the width.
    """

    number: int
    pairing: Pairing
    seconds: float
    x: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost against protection: seconds on a logarithmic axis, accuracy on the other.

    Attributes:
        points: The methods.
        ticks: Powers of ten, in seconds, and where they lie in percent of the width.
    """

    points: tuple[Point, ...]
    ticks: tuple[tuple[str, float], ...]


def costs(methods: Iterable[tuple[int, Pairing, float]]) -> Costs | None:
    """Place methods by their cost; None if there are fewer than two to compare.

    Args:
        methods: The number, the pairing and the seconds of each.
    """
    known = [(number, pairing, max(seconds, 0.01)) for number, pairing, seconds in methods]
    if len(known) < 2:
        return None
    first = math.floor(min(math.log10(seconds) for *_, seconds in known))
    last = max(first + 1, math.ceil(max(math.log10(seconds) for *_, seconds in known)))

    def place(exponent: float) -> float:
        return 100 * (exponent - first) / (last - first)

    points = tuple(Point(number, one, seconds, place(math.log10(seconds))) for number, one, seconds in known)
    return Costs(points, tuple((f"{10.0**power:,g}", place(power)) for power in range(first, last + 1)))
