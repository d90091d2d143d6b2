"""The clean-test-accuracy matrix as a picture: methods down, attackers across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from uebench.errors import UsageError
from uebench.report.text import literal
from uebench.store.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(records: Sequence[Record]) -> Figure:
    """Draw ``frame.matrix``; the colour scale runs from 0 to 100%, dark where the protection held.

    Raises:
        UsageError: If there is no record to draw.
    """
    from matplotlib.figure import Figure

    from uebench.analysis.frame import frame, matrix, seeds

    if not records:
        raise UsageError("matrix: no finished cell to draw; compute some first")
    cells = frame(records)
    shown, counts = matrix(cells), seeds(cells)
    means = shown.to_numpy()
    drawn = Figure(figsize=(3.2 + 1.15 * means.shape[1], 1.4 + 0.5 * means.shape[0]), layout="constrained")
    axes = drawn.add_subplot()
    image = axes.imshow(means, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(means.shape[1]), [literal(str(name)) for name in shown.columns], rotation=20, ha="right")
    axes.set_yticks(range(means.shape[0]), [literal(str(name)) for name in shown.index])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, line in enumerate(counts.to_numpy()):
        for x, count in enumerate(line):
            text = f"{means[y, x]:.1f}" + (f"\n({count} runs)" if count > 1 else "") if count else "-"
            axes.text(x, y, text, ha="center", va="center", color="white" if not means[y, x] > 60 else "black")
    chances = sorted({round(100 * record.data.chance, 1) for record in records})
    sets = literal(", ".join(sorted({record.data.name for record in records})))
    axes.set_title(f"Clean test accuracy, %\n{sets}; chance {', '.join(map(str, chances))}", fontsize=10)
    drawn.colorbar(image, ax=axes, fraction=0.046)
    return drawn
