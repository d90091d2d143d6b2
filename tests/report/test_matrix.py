"""The matrix as a picture: what was measured, and that the rest was not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tests.records import made_up
from tests.studies import SHARES, STUDY, measured, written
from uebench.analysis.study import NOT_COMPUTED, Gap, MeasuredPlace
from uebench.errors import UsageError
from uebench.report.figures import matrix
from uebench.store.store import Store


def hatched(axes: Axes) -> set[tuple[int, int]]:
    """Return the row and the column of each hatched tile."""
    tiles = [one for one in axes.patches if isinstance(one, Rectangle) and one.get_hatch()]
    return {(round(one.get_y() + 0.5), round(one.get_x() + 0.5)) for one in tiles}


def written_in(axes: Axes) -> dict[tuple[int, int], str]:
    texts = [one for one in axes.texts if one.get_transform() == axes.transData]
    return {(round(one.get_position()[1]), round(one.get_position()[0])): one.get_text() for one in texts}


@pytest.fixture
def places(tmp_path: Path) -> list[MeasuredPlace]:
    """A study without records of one method, and with those of another against the first attacker only."""
    shares = {name: share for name, share in SHARES.items() if name != "Noise 2"}
    _, found = measured(written(tmp_path), Store(tmp_path), shares)
    return [
        replace(one, records=(), gaps={NOT_COMPUTED: 6})
        if one.place.method.name == "Noise_1 #2" and one.place.attacker.name != "ResNet-18"
        else one
        for one in found
    ]


def test_what_is_not_measured_is_hatched_and_has_no_number(places: list[MeasuredPlace]) -> None:
    drawn = matrix.of_study(places)
    axes = drawn.axes[0]
    assert hatched(axes) == {(2, 1), (2, 2)}
    assert hatched(axes).isdisjoint(written_in(axes))
    assert written_in(axes)[1, 0].startswith("20.")
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["not measured yet"]


def test_a_method_without_a_record_is_left_out_and_named(places: list[MeasuredPlace]) -> None:
    drawn = matrix.of_study(places)
    names = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
    assert names == ["clean reference", "LSP", "Noise_1 #2"]
    assert drawn.get_supxlabel() == "Left out, without any record: Noise 2"


def test_an_attacker_that_no_method_met_keeps_its_column(tmp_path: Path) -> None:
    _, found = measured(written(tmp_path), Store(tmp_path))
    unmet = [replace(one, records=()) if one.place.attacker.name == "Blur" else one for one in found]
    axes = matrix.of_study(unmet).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["ResNet-18", "JPEG", "Blur"]
    assert hatched(axes) == {(row, 2) for row in range(4)}
    assert {"plain", "with a countermeasure"} <= {text.get_text() for text in axes.texts}


def test_a_failed_cell_and_missing_runs_are_told_from_cells_not_measured_yet(places: list[MeasuredPlace]) -> None:
    failed = [
        replace(one, gaps={Gap("failed", "ValueError: no"): 6})
        if not one.records and one.place.attacker.name == "JPEG"
        else replace(one, records=one.records[:2])
        for one in places
    ]
    found = written_in(matrix.of_study(failed).axes[0])
    assert found[2, 1] == "failed" and (2, 2) not in found
    assert found[1, 0].endswith("(2 of 9 runs)")


def test_several_data_sets_have_rows_of_their_own(tmp_path: Path) -> None:
    other = '[[data]]\nname = "Others"\nset = "synthetic(identities=10, train=3, test=20)"\n\n[[method]]'
    _, found = measured(written(tmp_path, STUDY.replace("[[method]]", other, 1)), Store(tmp_path), {"LSP": 0.2})
    names = [text.get_text() for text in matrix.of_study(found).axes[0].get_yticklabels()]
    assert names == ["LSP (Made up)", "LSP (Others)"]


def test_a_pair_that_a_run_did_not_finish_is_hatched() -> None:
    records = [made_up("lsp"), made_up("ue", (("resnet50", {}),))]
    assert hatched(matrix.figure(records).axes[0]) == {(0, 1), (1, 0)}


def test_without_a_record_there_is_nothing_to_draw(places: list[MeasuredPlace]) -> None:
    with pytest.raises(UsageError, match="no finished cell"):
        matrix.of_study([replace(one, records=()) for one in places])


@pytest.mark.parametrize("percent", range(101))
def test_every_number_can_be_read_on_its_colour(percent: int) -> None:
    linear = [
        part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4
        for part in colormaps["viridis"](percent / 100)[:3]
    ]
    light = 0.05 + sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert (1.05 / light if percent < matrix.DARK else light / 0.05) > 4.3  # WCAG asks for 4.5, or 3 of large text


def test_long_names_are_whole(tmp_path: Path) -> None:
    data = made_up().data
    records = [
        made_up(name, data=data.model_copy(update={"name": where}))
        for name in ("lsp", "a_method_with_a_very_long_name_of_its_own")
        for where in ("webface10 without repeats", "the_faces_of_another_folder_with_a_long_name")
    ]
    figure = matrix.figure(records)
    figure.savefig(tmp_path / "matrix.png")  # lays it out, and warns, which is an error, if there is no room
    axes = figure.axes[0]
    for name in (*axes.get_yticklabels(), *axes.get_xticklabels(), axes.title):
        box, page = name.get_window_extent(), figure.bbox
        assert page.x0 <= box.x0 <= box.x1 <= page.x1, name.get_text()
