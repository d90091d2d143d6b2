"""The matrix of clean test accuracies as a heat map: a row for each method, a column for each attacker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

from uebench.analysis.study import NOT_COMPUTED, MeasuredPlace
from uebench.errors import UsageError
from uebench.report.caveats import single_seeds
from uebench.report.figures.style import name_groups
from uebench.report.text import literal
from uebench.store.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EMPTY = "matrix: no finished cell to draw; compute some first"
DARK = 43
"""Below this percentage, white text is easier to read on viridis; above it, black text."""
LETTER = 0.085
"""The width of a letter in a name of a row, in inches."""
NAME = 36
"""The longest line of such a name, in letters."""
HATCH: dict[str, Any] = {"facecolor": "#f4f4f4", "edgecolor": "#b0b0b0", "hatch": "////", "linewidth": 0}


@dataclass(frozen=True, slots=True)
class Tile:
    """The tile of a method and an attacker.

    Attributes:
        accuracy: The mean over seeds in percent; None without a record, and then the tile is hatched.
        remark: The text below the accuracy, or in its place.
    """

    accuracy: float | None
    remark: str = ""


def figure(records: Sequence[Record]) -> Figure:
    """Draw ``frame.matrix`` on a colour scale from 0% (dark) to 100% (light).

    Raises:
        UsageError: If there is no record to draw.
    """
    from uebench.analysis.frame import frame, matrix, seeds

    if not records:
        raise UsageError(EMPTY)
    cells = frame(records)
    means, counts = matrix(cells), seeds(cells)
    tiles = [
        [Tile(mean, f"({count} runs)" if count > 1 else "") if count else Tile(None) for mean, count in row]
        for row in (zip(*both, strict=True) for both in zip(means.to_numpy(), counts.to_numpy(), strict=True))
    ]
    return _draw(list(map(str, means.index)), list(map(str, means.columns)), tiles, records)


def of_study(measured: Sequence[MeasuredPlace]) -> Figure:
    """Draw a study with all of its attackers. Methods without any record are named below the matrix.

    Args:
        measured: The places of a study; see ``analysis.study.measure``.

    Raises:
        UsageError: If there is no record to draw.
    """
    records = [record for one in measured for record in one.records]
    if not records:
        raise UsageError(EMPTY)
    has_several_sets = len({one.place.data.name for one in measured}) > 1
    rows: dict[str, list[MeasuredPlace]] = {}
    for one in measured:
        data = f" ({one.place.data.name})" if has_several_sets else ""
        rows.setdefault(f"{one.place.method.name}{data}", []).append(one)
    drawn = {name: row for name, row in rows.items() if any(one.records for one in row)}
    left_out = ", ".join(name for name in rows if name not in drawn)
    remarks = [single_seeds(measured).capitalize(), left_out and f"Left out, without any record: {left_out}"]
    attackers = [one.place.attacker for one in next(iter(rows.values()))]
    tiles = [[_tile(one) for one in row] for row in drawn.values()]
    fig = _draw(list(drawn), [attacker.name for attacker in attackers], tiles, records, list(filter(None, remarks)))
    if any(attacker.group for attacker in attackers):
        axes = fig.axes[0]
        axes.set_title(axes.get_title(), fontsize=10, pad=22)
        name_groups(axes, [attacker.group for attacker in attackers])
    return fig


def _tile(one: MeasuredPlace) -> Tile:
    if one.pairing is None:
        return Tile(None, next((gap.status for gap in one.gaps if gap != NOT_COMPUTED), ""))
    runs, planned = len(one.records), len(one.place.cells)
    if runs < planned:
        return Tile(one.pairing.accuracy, f"({runs} of {planned} runs)")
    return Tile(one.pairing.accuracy, f"({runs} runs)" if runs > 1 else "")


def _draw(
    methods: Sequence[str],
    attackers: Sequence[str],
    tiles: Sequence[Sequence[Tile]],
    records: Sequence[Record],
    remarks: Sequence[str] = (),
) -> Figure:
    """Draw tiles with the names of their rows and columns.

    Args:
        methods: The names of the rows.
        attackers: The names of the columns.
        tiles: The rows of tiles.
        records: The records behind them.
        remarks: Lines below the matrix.
    """
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows = [fill(name, NAME) for name in methods]
    room = LETTER * max(len(line) for name in rows for line in name.splitlines())
    width = max(4.0, 1.4 + room + 1.0 * len(attackers))
    height = 1.2 + 0.5 * len(methods) + 0.4 * LETTER * max(map(len, attackers))
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.add_subplot()
    means = np.array([[np.nan if tile.accuracy is None else tile.accuracy for tile in row] for row in tiles])
    image = axes.imshow(means, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    names = [literal(name) for name in attackers]
    axes.set_xticks(range(len(attackers)), names, rotation=20, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(methods)), [literal(name) for name in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(tiles):
        for x, tile in enumerate(row):
            _write(axes, x, y, tile)
    chances = ", ".join(str(value) for value in sorted({round(100 * record.data.chance, 1) for record in records}))
    sets = ", ".join(sorted({record.data.name for record in records}))
    about = literal(fill(f"{sets}; chance {chances}", int(len(attackers) / LETTER) + 12))
    axes.set_title(f"Clean test accuracy, %\n{about}", fontsize=10, pad=10)
    fig.colorbar(image, ax=axes, fraction=0.046)
    if any(tile.accuracy is None for row in tiles for tile in row):
        fig.legend(
            handles=[Patch(label="not measured yet", **HATCH)], loc="outside lower left", fontsize=8, frameon=False
        )
    if remarks:
        fig.supxlabel(literal("\n".join(fill(remark, 110) for remark in remarks)), fontsize=8)
    return fig


def _write(axes: Axes, x: int, y: int, tile: Tile) -> None:
    """Write the text of a tile, and hatch it if it has no accuracy."""
    from matplotlib.patches import Rectangle

    if tile.accuracy is None:
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **HATCH))
    text = tile.remark if tile.accuracy is None else f"{tile.accuracy:.1f}\n{tile.remark}".strip()
    if text:
        is_white = tile.accuracy is not None and tile.accuracy < DARK
        axes.text(x, y, text, ha="center", va="center", color="white" if is_white else "black", fontsize=9)
