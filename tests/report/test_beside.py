"""The figure of a table: measured beside reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from tests.records import as_asked
from uebench.errors import UsageError
from uebench.paper.fill import FilledTable
from uebench.plugins.registry import Registry
from uebench.report.figures import beside
from uebench.report.pages import filled_tables
from uebench.store.store import Store


def filled(tmp_path: Path, name: str) -> tuple[FilledTable, ...]:
    return filled_tables.measured(name, preset="desk", data=(), registry=Registry(), store=Store(tmp_path)).filled


def points(axes: Axes, marker: str) -> dict[str, float]:
    """Return the values of the points with a marker, by the method that stands at their height."""
    names = [text.get_text() for text in axes.figure.axes[0].get_yticklabels()]
    lines = [line for line in axes.lines if line.get_marker() == marker]
    found = {round(np.asarray(line.get_ydata())[0]): float(np.asarray(line.get_xdata())[0]) for line in lines}
    return {names[row]: round(value, 1) for row, value in found.items()}


def test_each_method_has_what_was_measured_and_what_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in (as_asked("clean", "resnet18", 160), as_asked("lsp", "resnet18", 40)):
        store.cells.write(record)
    (axes,) = beside.figure(filled(tmp_path, "3")).axes  # other sets have no records
    assert axes.get_title().endswith(" pixels")
    assert points(axes, "o") == {"clean": 80.0, "lsp": 20.0}
    assert points(axes, "D") == {"clean": 75.0, "ue": 12.5, "lsp": 31.5, "rue": 11.5, "tue": 33.5, "segue": 10.5}
    (_, low, high), *_ = [
        (row, *segment[:, 0]) for part in axes.collections if isinstance(part, LineCollection)
        for segment in part.get_segments() for row in [segment[0, 1]] if row == 2
    ]  # fmt: skip
    assert (round(low, 1), round(high, 1)) == (15.0, 26.1)  # Wilson's of 40 of 200
    assert [text.get_position()[1] for text in axes.texts if text.get_text() == "not measured"] == [1, 3, 4, 5, 6, 7]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [80.0]  # type: ignore[index]
    assert {cell.written["method"] for cell in beside.drawn_from(filled(tmp_path, "3"))} == {"clean", "lsp"}


def test_each_architecture_has_a_panel(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in (as_asked("lsp", "resnet18", 40), as_asked("lsp", "inception_v3", 60)):
        store.cells.write(record)
    panels = beside.figure(filled(tmp_path, "5")).axes
    assert [panel.get_title().splitlines()[0] for panel in panels] == ["resnet18", "inception_v3"]
    assert [points(panel, "o") for panel in panels] == [{"lsp": 20.0}, {"lsp": 30.0}]


def test_the_legend_explains_the_axis_and_only_what_is_drawn(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in (as_asked("segue", "resnet18", 40), as_asked("segue", "inception_v3", 60)):
        store.cells.write(record)
    drawn = beside.figure(filled(tmp_path, "figure4.3"))
    (legend,) = drawn.legends
    assert legend.get_title().get_text().startswith("clean test accuracy, %")
    assert [text.get_text() for text in legend.get_texts()] == [
        "measured, 95% interval",
        "too few seeds for a test",
        "chance",
    ]
    assert {line.get_markerfacecolor() for line in drawn.axes[0].lines if line.get_marker() == "o"} == {"white"}
    assert [axes.get_xlabel() for axes in drawn.axes] == ["", ""]
    assert drawn.axes[0].get_shared_y_axes().joined(*drawn.axes)


def test_without_accuracies_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no accuracy to draw; .* figures 4\.1 to 4\.3"):
        beside.figure(filled(tmp_path, "7"))
