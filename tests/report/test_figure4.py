"""Figure 4 is drawn from the filled tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tests.records import as_asked, made_up, protection_of
from uebench.paper.fill import FilledTable
from uebench.plugins.registry import Registry
from uebench.report.figures import figure4
from uebench.store.record import Record
from uebench.store.record_parts import Fit, Round
from uebench.store.store import Store


def filled(tmp_path: Path, records: Iterable[Record], data: str | None = None) -> dict[str, FilledTable]:
    store = Store(tmp_path)
    for record in records:
        store.cells.write(record)
    return figure4.filled_panels(store, Registry(), "desk", data)


def bars(axes: Axes) -> list[float]:
    return [round(float(bar.get_height()), 1) for bar in axes.patches if isinstance(bar, Rectangle)]


def test_figure_4_draws_what_its_tables_hold(tmp_path: Path) -> None:
    """Records with another subsampling, blending, architecture or more countermeasures have no place in it."""
    cutmix = "resnet18+cutmix(preset=segue_paper)"
    records = [
        as_asked("clean", "resnet18", 160),
        as_asked("lsp", "resnet18", 40),
        as_asked("lsp", "resnet18+jpeg(quality=10)", 120),
        as_asked("lsp", "resnet18+jpeg(quality=10, subsampling='4:4:4')", 1),
        as_asked("lsp", "resnet18+jpeg(quality=10)+mixup", 2),
        as_asked("lsp", cutmix, 60),
        as_asked("lsp", "resnet18(epochs=9)", 4),
        as_asked("lsp", "resnet50", 5),
        as_asked("segue", "resnet18", 20),
        as_asked("segue(labels=0.8)", "resnet18", 80),
        as_asked("segue_unguided", "resnet18", 100),
    ]
    jpeg, augmented, side, _ = figure4.figure(filled(tmp_path, records)).axes
    heights = [container[0].get_ydata() for container in jpeg.containers]
    assert [list(line) for line in heights] == [pytest.approx([60, 20])]
    assert [text.get_text() for text in jpeg.get_xticklabels()] == ["10", "none"]
    assert bars(augmented) == [20, 30]
    assert [text.get_text() for text in side.get_xticklabels()] == ["true", "80%", "kmeans", "none"]
    assert bars(side) == [10, 40, 50]


def test_figure_4_draws_the_surrogates_loss_where_it_was_trained(tmp_path: Path) -> None:
    turns = [Round(surrogate=2.0, objective=1.0), Round(objective=0.5), Round(surrogate=1.0, objective=0.2)]
    store = Store(tmp_path)
    store.protections.write(protection_of(as_asked("segue", "resnet18"), Fit(rounds=3, stopped="rounds", curve=turns)))
    store.protections.write(protection_of(as_asked("segue(labels=kmeans)", "resnet18", protect_key="0" * 64), None))
    records = [as_asked(name, "resnet18") for name in ("segue", "segue(labels=kmeans)", "segue_unguided")]
    tables = filled(tmp_path, records)
    *_, losses = figure4.figure(tables).axes
    (line,) = losses.lines
    assert np.asarray(line.get_xydata()).tolist() == [[1, 2.0], [3, 1.0]]
    assert line.get_label() == "segue with true labels"
    measured = {place.place.row: place.value for place in tables["figure4.4"].places if not place.place.setting}
    assert measured == {"true": 1.0, "kmeans": None, "none": None}


def test_figure_4_shows_every_quality_of_which_there_are_records(tmp_path: Path) -> None:
    records = [as_asked("ue", f"resnet18+jpeg(quality={quality})") for quality in (85, 90)]
    jpeg, *_ = figure4.figure(filled(tmp_path, records)).axes
    assert [text.get_text() for text in jpeg.get_xticklabels()] == ["85", "90", "none"]


def test_figure_4_gives_each_method_that_it_shows_a_colour_of_its_own(tmp_path: Path) -> None:
    idle = [as_asked(name, "resnet18") for name in ("tue", "rue")]  # met by nothing else, so in no panel
    shown = [as_asked(name, "resnet18+jpeg(quality=10)") for name in ("clean", "lsp", "segue", "ue")]
    (legend,) = figure4.figure(filled(tmp_path, [*idle, *shown])).legends
    assert [text.get_text() for text in legend.get_texts()] == ["clean", "lsp", "segue", "ue"]
    assert len({patch.get_facecolor() for patch in legend.get_patches()}) == 4


def test_figure_4_says_in_a_panel_that_it_has_no_records(tmp_path: Path) -> None:
    records = [as_asked("clean", "resnet18"), as_asked("lsp", "resnet18+jpeg(quality=10)")]
    panels = figure4.figure(filled(tmp_path, records)).axes
    said = [any("no records" in text.get_text() for text in axes.texts) for axes in panels]
    assert said == [False, True, True, True]


def test_figure_4_takes_the_set_that_fills_most_places_or_the_named_one(tmp_path: Path) -> None:
    few = made_up().data.model_copy(update={"name": "few"})
    records = [as_asked("lsp", "resnet18", data=few, data_key="0"), as_asked("clean", "resnet18")]
    records.append(as_asked("lsp", "resnet18"))
    for data, name in ((None, "people"), ("few", "few")):
        assert {record.data.name for record in figure4.drawn_from(filled(tmp_path, records, data))} == {name}
