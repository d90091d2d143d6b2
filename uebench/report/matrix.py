"""The clean-test-accuracy matrix: methods down, attackers across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.analysis.records import attacker_identity, labels, method_identity
from uebench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def matrix(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str], list[list[list[float]]]]:
    """Arrange records.

    Args:
        records: Records as the store holds them.

    Returns:
        Row names (method, with the data set if there are several), column names (attacker), and for each pair the
        accuracies of its seeds; a pair without a record has none. Options decide which records stand together, not how
        they were written.
    """
    methods = labels(records, method_identity, lambda record: record["written"]["method"])
    attackers = labels(records, attacker_identity, lambda record: record["written"]["attacker"])
    several = len({record["data"]["name"] for record in records}) > 1
    rows: dict[str, None] = {}
    columns: dict[str, None] = {}
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        method, attacker = methods[method_identity(record)], attackers[attacker_identity(record)]
        row = f"{method} ({record['data']['name']})" if several else method
        rows[row] = columns[attacker] = None
        found.setdefault((row, attacker), []).append(record["counts"]["correct"] / record["counts"]["n"])
    return list(rows), list(columns), [[found.get((row, column), []) for column in columns] for row in rows]


def figure(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the matrix; the colour scale runs from 0 to 100 %, dark where the protection held.

    Raises:
        UsageError: If there is no record to draw.
    """
    from matplotlib.figure import Figure

    if not records:
        raise UsageError("--figure: no finished cell to draw")
    rows, columns, cells = matrix(records)
    means = np.array([[100 * np.mean(cell) if cell else np.nan for cell in line] for line in cells])
    drawn = Figure(figsize=(3.2 + 1.15 * len(columns), 1.4 + 0.5 * len(rows)), layout="constrained")
    axes = drawn.add_subplot()
    image = axes.imshow(means, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=20, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, line in enumerate(cells):
        for x, cell in enumerate(line):
            text = f"{means[y, x]:.1f}" + (f"\n({len(cell)} seeds)" if len(cell) > 1 else "") if cell else "-"
            axes.text(x, y, text, ha="center", va="center", color="white" if not means[y, x] > 60 else "black")
    chances = sorted({round(100 / record["data"]["num_classes"], 1) for record in records})
    sets = ", ".join(sorted({record["data"]["name"] for record in records}))
    axes.set_title(f"Clean test accuracy, %\n{sets}; chance {', '.join(map(str, chances))}", fontsize=10)
    drawn.colorbar(image, ax=axes, fraction=0.046)
    return drawn
