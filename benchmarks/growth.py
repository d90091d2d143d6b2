"""How the cost of each method grows with images, identities and pixels.

Small settings (``smoke``, with every training one pass over the set), so that what is compared is the growth, not the
methods. Each point is measured in a fresh process, around a middle of 64 images of 4 identities at 32 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.cost import protect
from benchmarks.processes import fresh
from uebench.report.figures.cost import MARKERS
from uebench.report.figures.style import COLOURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = ("lsp", "tue(train_steps=0)", "ue(train_steps=0)", "rue", "segue(weights=none)")
MIDDLE = {"images": 64, "identities": 4, "size": 32}
POINTS = {"images": (64, 128, 256, 512, 1024), "identities": (2, 4, 8, 16), "size": (32, 64, 128)}
NAMED = {"size": "size, pixels"}
SHOWN = {"seconds": "seconds to fit and protect", "peak_mib": "peak memory, MiB beyond the imports"}

Row = Mapping[str, Any]


def measure(quick: bool) -> list[dict[str, Any]]:
    """Measure every method at every point; the middle once."""
    methods, axes = (("lsp",), {"images": (32, 64)}) if quick else (METHODS, POINTS)
    places = {tuple((MIDDLE | {axis: value}).items()): None for axis, values in axes.items() for value in values}
    return [_point(method, **dict(place)) for method in methods for place in places]


def _point(method: str, images: int, identities: int, size: int) -> dict[str, Any]:
    data = f"synthetic(identities={identities}, train={images // identities})"
    found = fresh(protect, method, data, "smoke", size)
    return {
        "method": method,
        "images": images,
        "identities": identities,
        "size": size,
        "seconds": found["fit_seconds"] + found["protect_seconds"],
        "peak_mib": found["peak_mib"],
    }


def along(rows: Sequence[Row], method: str, axis: str, what: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the places on an axis, and what was measured there, of the points that lie in the middle otherwise."""
    others = [name for name in MIDDLE if name != axis]
    line = [row for row in rows if row["method"] == method and all(row[name] == MIDDLE[name] for name in others)]
    line = [row for row in line if row[what] is not None]
    line.sort(key=lambda row: row[axis])
    return np.array([row[axis] for row in line]), np.array([row[what] for row in line])


def slope(places: NDArray[Any], values: NDArray[Any]) -> float | None:
    """Return the exponent p of values ~ places^p by least squares on logarithms; None where it is not defined."""
    if len(places) < 2 or values.min() <= 0:
        return None
    return float(np.polyfit(np.log(places), np.log(values), 1)[0])


def table(rows: Sequence[Row]) -> str:
    """Return the exponents as Markdown."""
    lines = [
        "Exponents p of seconds ~ x^p, and of memory ~ x^p, along each axis; 1 is proportional. One CPU thread.",
        "",
        f"| method | {' | '.join(f'seconds by {axis} | memory by {axis}' for axis in POINTS)} |",
        "|---" * (1 + 2 * len(POINTS)) + "|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        found = [slope(*along(rows, method, axis, what)) for axis in POINTS for what in SHOWN]
        lines.append(f"| `{method}` | {' | '.join('-' if p is None else f'{p:.2f}' for p in found)} |")
    return "\n".join(lines)


def picture(rows: Sequence[Row], file: Path) -> None:
    """Draw all points on logarithmic axes; the table has the fitted exponents."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter, SymmetricalLogLocator

    shown = {what: words for what, words in SHOWN.items() if any(row[what] is not None for row in rows)}
    drawn = Figure(figsize=(13, 3.5 * len(shown)), layout="constrained")
    panels = drawn.subplots(len(shown), len(POINTS), sharey="row", squeeze=False)
    for (what, words), line in zip(shown.items(), panels, strict=True):
        line[0].set_ylabel(words)
        for axis, panel in zip(POINTS, line, strict=True):
            for number, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
                look = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
                panel.plot(*along(rows, method, axis, what), label=method, **look)
            panel.set_xscale("log", base=2)
            panel.set_yscale("symlog" if what == "peak_mib" else "log")  # no more than the imports took is 0 MiB
            if what == "peak_mib":
                panel.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=2, subs=(1, 2, 5)))
                panel.yaxis.set_major_formatter(ScalarFormatter())
            panel.set_xlabel(NAMED.get(axis, axis))
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    drawn.savefig(file, dpi=100)
