"""The bar chart of a study: a panel for each data set, with a group of bars for each attacker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypedDict

from uebench.analysis.study import MeasuredPlace, columns
from uebench.errors import UsageError
from uebench.report.caveats import single_seeds
from uebench.report.figures.style import (
    COLOURS,
    GREY,
    error_lengths,
    legend_below,
    name_groups,
    reference_handles,
    write_no_record,
)
from uebench.report.text import literal

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Style(TypedDict):
    """The look of a method's bars: arguments of Matplotlib."""

    color: str
    hatch: str


HATCHES = ("", "///", "...", "xx")
"""After all colours are used, they are used again with the next hatch, so that methods look different."""


def figure(measured: Sequence[MeasuredPlace]) -> Figure:
    """Draw the means with their 95% intervals, the clean reference as dashed lines, and chance as dotted ones.

    Args:
        measured: The places of a study; see ``analysis.study.measure``.

    Raises:
        UsageError: If there is no record to draw.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    if not any(one.records for one in measured):
        raise UsageError("bars: no finished cell to draw; uebench study run computes them")
    panels = [list(places) for _, places in groupby(measured, lambda one: one.place.data)]
    clean, *methods = [one.place.method for one in columns(measured)[0]]
    styles: dict[str, Style] = {
        method.name: {"color": COLOURS[number % len(COLOURS)], "hatch": HATCHES[number // len(COLOURS) % len(HATCHES)]}
        for number, method in enumerate(methods)
    }
    attackers = len(columns(panels[0]))
    width = max(4.0, 1.2 + attackers * (0.7 + 0.28 * len(methods)))
    fig = Figure(figsize=(width, 0.8 + 2.9 * len(panels)), layout="constrained")
    for axes, places in zip(fig.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        _panel(axes, places, styles)
    handles: list[Artist] = [
        Patch(label=_label(name), facecolor=style["color"], hatch=style["hatch"], edgecolor="white")
        for name, style in styles.items()
    ]
    handles += reference_handles(_label(clean.name))
    legend_below(fig, handles, single_seeds(measured), ncols=max(2, int(width / 1.7)))
    return fig


def _label(name: str) -> str:
    """Return a name for the legend, from which Matplotlib leaves out labels that begin with an underscore."""
    return literal(f"\N{ZERO WIDTH SPACE}{name}" if name.startswith("_") else name)


def _panel(axes: Axes, places: list[MeasuredPlace], styles: Mapping[str, Style]) -> None:
    by_attacker = columns(places)
    data = places[0].place.cells[0].spec.data.record
    width = 0.8 / max(1, len(styles))
    for x, (clean, *others) in enumerate(by_attacker):
        if clean.pairing:
            axes.hlines(clean.pairing.accuracy, x - 0.45, x + 0.45, color=GREY, linestyle="--", linewidth=1)
        for number, one in enumerate(others):
            _bar(axes, x - 0.4 + width * (number + 0.5), width, one, styles[one.place.method.name])
    axes.axhline(100 * data.chance, color=GREY, linestyle=":", linewidth=1)
    names = [literal(column[0].place.attacker.name) for column in by_attacker]
    axes.set_xticks(range(len(by_attacker)), [name.replace("+", "\n+").replace("(", "\n(") for name in names])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(by_attacker) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel("clean test accuracy, %", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    groups = [column[0].place.attacker.group for column in by_attacker]
    title = f"{literal(places[0].place.data.name)}: means with 95% intervals"
    axes.set_title(title, fontsize=10, pad=20 if any(groups) else None)
    name_groups(axes, groups)


def _bar(axes: Axes, x: float, width: float, one: MeasuredPlace, style: Style) -> None:
    if one.pairing is None:
        write_no_record(axes, x)
        return
    mean = one.pairing.accuracy
    errors = [[length] for length in error_lengths(mean, one.pairing.interval)]
    axes.bar(
        x, mean, 0.9 * width, yerr=errors, capsize=2, edgecolor="white", error_kw={"linewidth": 0.8}, linewidth=0.5,
        **style,
    )  # fmt: skip
