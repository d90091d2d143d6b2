"""The clean-test-accuracy matrix as a picture: methods down, attackers across. What has no record is hatched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

from uebench.analysis.study import NOT_COMPUTED, MeasuredPlace
from uebench.errors import UsageError
from uebench.report.bars import name_groups
from uebench.report.text import literal
from uebench.store.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EMPTY = "matrix: no finished cell to draw; compute some first"
DARK = 43
"""Below this percentage white is easier to read on viridis, above it black."""
HATCH: dict[str, Any] = {"facecolor": "#f4f4f4", "edgecolor": "#b0b0b0", "hatch": "////", "linewidth": 0}


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a method meets an attacker.

    Attributes:
        accuracy: The mean over seeds in percent; None without a record.
        remark: What stands below the number, or alone where there is none.
    """

    accuracy: float | None
    remark: str = ""


def figure(records: Sequence[Record]) -> Figure:
    """Draw ``frame.matrix``; the colour scale runs from 0 to 100%, dark where the protection held.

    Raises:
        UsageError: If there is no record to draw.
    """
    from uebench.analysis.frame import frame, matrix, seeds

    if not records:
        raise UsageError(EMPTY)
    cells = frame(records)
    shown, counts = matrix(cells), seeds(cells)
    tiles = [
        [Tile(mean, f"({count} runs)" if count > 1 else "") if count else Tile(None) for mean, count in both]
        for both in (zip(*line, strict=True) for line in zip(shown.to_numpy(), counts.to_numpy(), strict=True))
    ]
    return _draw(list(map(str, shown.index)), list(map(str, shown.columns)), tiles, records)


def of_study(measured: Sequence[MeasuredPlace]) -> Figure:
    """Draw a study with all of its attackers; methods without any record are named below.

    Args:
        measured: The places of a study, as ``analysis.study.measure`` returns them.

    Raises:
        UsageError: If there is no record to draw.
    """
    records = [record for one in measured for record in one.records]
    if not records:
        raise UsageError(EMPTY)
    several = len({one.place.data.name for one in measured}) > 1
    lines: dict[str, list[MeasuredPlace]] = {}
    for one in measured:
        data = f" ({one.place.data.name})" if several else ""
        lines.setdefault(f"{one.place.method.name}{data}", []).append(one)
    shown = {name: line for name, line in lines.items() if any(one.records for one in line)}
    attackers = [one.place.attacker for one in next(iter(lines.values()))]
    tiles = [[_tile(one) for one in line] for line in shown.values()]
    drawn = _draw(
        list(shown), [one.name for one in attackers], tiles, records, [name for name in lines if name not in shown]
    )
    if any(one.group for one in attackers):
        axes = drawn.axes[0]
        axes.set_title(axes.get_title(), fontsize=10, pad=22)
        name_groups(axes, [one.group for one in attackers])
    return drawn


def _tile(one: MeasuredPlace) -> Tile:
    if one.pairing is None:
        other = next((reason for reason in one.gaps if reason != NOT_COMPUTED), "")
        return Tile(None, other.partition(":")[0])
    runs, asked = len(one.records), len(one.place.cells)
    if runs < asked:
        return Tile(one.pairing.accuracy, f"({runs} of {asked} runs)")
    return Tile(one.pairing.accuracy, f"({runs} runs)" if runs > 1 else "")


def _draw(
    rows: Sequence[str],
    across: Sequence[str],
    tiles: Sequence[Sequence[Tile]],
    records: Sequence[Record],
    left_out: Sequence[str] = (),
) -> Figure:
    """Draw tiles with the names of their rows and columns."""
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    drawn = Figure(figsize=(2.6 + 1.0 * len(across), 1.5 + 0.5 * len(rows)), layout="constrained")
    axes = drawn.add_subplot()
    means = np.array([[np.nan if one.accuracy is None else one.accuracy for one in line] for line in tiles])
    image = axes.imshow(means, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    names = [literal(name) for name in across]
    axes.set_xticks(range(len(across)), names, rotation=20, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [literal(name) for name in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, line in enumerate(tiles):
        for x, one in enumerate(line):
            _write(axes, x, y, one)
    chances = ", ".join(str(value) for value in sorted({round(100 * record.data.chance, 1) for record in records}))
    sets = literal(", ".join(sorted({record.data.name for record in records})))
    axes.set_title(f"Clean test accuracy, %\n{sets}; chance {chances}", fontsize=10, pad=10)
    drawn.colorbar(image, ax=axes, fraction=0.046)
    if any(one.accuracy is None for line in tiles for one in line):
        drawn.legend(
            handles=[Patch(label="not measured yet", **HATCH)], loc="outside lower left", fontsize=8, frameon=False
        )
    if left_out:
        drawn.supxlabel(literal(fill(f"Left out, without any record: {', '.join(left_out)}", 110)), fontsize=8)
    return drawn


def _write(axes: Axes, x: int, y: int, one: Tile) -> None:
    """Write the number of a tile, or hatch it."""
    from matplotlib.patches import Rectangle

    if one.accuracy is None:
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **HATCH))
    text = one.remark if one.accuracy is None else f"{one.accuracy:.1f}\n{one.remark}".strip()
    if text:
        light = one.accuracy is not None and one.accuracy < DARK
        axes.text(x, y, text, ha="center", va="center", color="white" if light else "black", fontsize=9)
