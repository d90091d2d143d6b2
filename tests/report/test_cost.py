"""The picture of costs: seconds across, the accuracy that is left upwards, a label beside each point."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from tests.records import made_up
from tests.studies import SHARES, STUDY, measured, written
from uebench.analysis.study import MeasuredPlace
from uebench.errors import UsageError
from uebench.report.figures import cost
from uebench.report.figures.label_places import Labelled, place
from uebench.report.figures.style import LEAST
from uebench.report.study.metrics import seconds
from uebench.store.store import Store

ONE_ATTACKER = STUDY.partition('[[attacker]]\nname = "JPEG"')[0]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[MeasuredPlace]:
    folder = tmp_path_factory.mktemp("study")
    _, found = measured(written(folder, ONE_ATTACKER), Store(folder))
    return found


def points(axes: Axes) -> list[tuple[float, float]]:
    drawn = [one for one in axes.containers if isinstance(one, ErrorbarContainer)]
    return [tuple(np.asarray(one[0].get_xydata())[0].tolist()) for one in drawn]


def with_seconds(one: MeasuredPlace, spent: float) -> MeasuredPlace:
    timings = one.records[0].timings.model_copy(update={"fit_seconds": spent, "protect_seconds": 0.0})
    return replace(one, records=tuple(record.model_copy(update={"timings": timings}) for record in one.records))


def test_a_method_stands_at_its_seconds_and_at_the_accuracy_that_it_leaves(places: list[MeasuredPlace]) -> None:
    clean, *others = places
    placed = [clean, *(with_seconds(one, spent) for one, spent in zip(others, (4.0, 900.0, 0.0), strict=True))]
    (axes,) = cost.figure(placed).axes
    wanted = [one.pairing.accuracy for one in placed[1:] if one.pairing]
    assert [y for _, y in points(axes)] == pytest.approx(wanted)
    assert [x for x, _ in points(axes)] == pytest.approx([max(seconds(one) or 0, LEAST) for one in placed[1:]])
    assert points(axes)[1][0] == pytest.approx(225 * points(axes)[0][0])
    assert [text.get_text() for text in axes.texts] == ["LSP", "Noise_1 #2", "Noise 2"]
    lines = [line for line in axes.lines if line.get_linestyle() in (":", "--")]
    heights = sorted(float(np.asarray(line.get_ydata())[0]) for line in lines)
    assert clean.pairing
    assert heights == pytest.approx([10.0, clean.pairing.accuracy])


def test_a_method_whose_budget_does_not_bound_each_pixel_is_hollow(places: list[MeasuredPlace]) -> None:
    clean, free, *others = places
    audit = free.records[0].audit.model_copy(update={"norm": "none", "eps": 0.0})
    free = replace(free, records=tuple(record.model_copy(update={"audit": audit}) for record in free.records))
    drawn = cost.figure([clean, free, *others])
    fillings = [one[0].get_markerfacecolor() for one in drawn.axes[0].containers if isinstance(one, ErrorbarContainer)]
    assert [filling == "white" for filling in fillings] == [True, False, False]
    (legend,) = drawn.legends
    assert cost.HOLLOW in [text.get_text() for text in legend.get_texts()]


def test_a_method_without_a_record_is_named_below_the_axis(tmp_path: Path) -> None:
    shares = {name: share for name, share in SHARES.items() if name != "Noise 2"}
    _, found = measured(written(tmp_path), Store(tmp_path), shares)
    panels = [axes for axes in cost.figure(found).axes if axes.get_visible()]
    assert [axes.get_title().partition(" on ")[0] for axes in panels] == ["ResNet-18", "JPEG", "Blur"]
    assert {axes.get_xlabel().partition("\n")[2] for axes in panels} == {"no time recorded: Noise 2"}


def test_without_a_protected_cell_there_is_nothing_to_draw(tmp_path: Path) -> None:
    _, found = measured(written(tmp_path), Store(tmp_path), {"clean reference": 0.9})
    with pytest.raises(UsageError, match="no finished cell of a method"):
        cost.figure(found)


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_crowded_points_cover_neither_each_other_nor_a_point(seed: int) -> None:
    generator = np.random.default_rng(seed)
    drawn = Figure(figsize=(7, 5), layout="constrained")
    axes = drawn.add_subplot(xscale="log", xlim=(0.1, 5000), ylim=(0, 100))
    heights, costs = generator.normal(88, 4, 14).clip(2, 98), 10 ** generator.normal(0.5, 0.4, 14)
    crowd = [
        Labelled(
            f"method_{number}(option={number})", float(x), float(y), max(0.0, float(y) - 9), min(100.0, float(y) + 6)
        )
        for number, (x, y) in enumerate(zip(costs, heights, strict=True))
    ]
    drawn.draw_without_rendering()
    labels = place(axes, crowd)
    drawn.set_dpi(150)  # as in files
    drawn.draw_without_rendering()
    boxes = [label.get_window_extent() for label in labels]
    assert [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
    inside = axes.get_window_extent()
    assert all(inside.contains(*box.min) and inside.contains(*box.max) for box in boxes)
    centres = axes.transData.transform([(one.x, one.y) for one in crowd])
    assert not any(box.contains(*centre) for box in boxes for centre in centres)


def test_a_set_made_by_other_code_has_no_place_on_the_axis_of_costs(places: list[MeasuredPlace]) -> None:
    clean, other, *methods = places
    made = tuple(record.model_copy(update={"method": made_up("protected").method}) for record in other.records)
    (axes,) = cost.figure([clean, replace(other, records=made), *methods]).axes
    assert [text.get_text() for text in axes.texts] == ["Noise_1 #2", "Noise 2"]
    assert axes.get_xlabel().endswith("no time recorded: LSP")
