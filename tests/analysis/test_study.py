from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies import SHARES, STUDY, measured, written
from uebench.analysis.paired_tests import paired_tests
from uebench.analysis.ranking import ranks
from uebench.analysis.runs import runs_of
from uebench.analysis.study import CONTRADICTING, NOT_COMPUTED, Gap, MeasuredPlace
from uebench.report.study.table import arrange
from uebench.store.record import Failure
from uebench.store.record_parts import Counts
from uebench.store.store import Store

ONE = STUDY.partition('[[attacker]]\nname = "JPEG')[0]
"""The study against one attacker."""


def by_method(places: list[MeasuredPlace]) -> dict[str, MeasuredPlace]:
    return {one.place.method.name: one for one in places if one.place.attacker.name == "ResNet-18"}


def test_every_method_is_tested_against_the_baseline_with_holms_correction_over_the_study(tmp_path: Path) -> None:
    _, places = measured(written(tmp_path), Store(tmp_path))
    tested = [one for one in places if one.test]
    assert {one.place.method.name for one in tested} == {"Noise_1 #2", "Noise 2"}
    assert len(tested) == 6
    runs = {(one.place.attacker.name, one.place.method.name): runs_of(one.records) for one in places}
    names = [(one.place.attacker.name, one.place.method.name) for one in tested]
    expected = paired_tests((runs[name], runs[name[0], "LSP"]) for name in names)
    assert [one.test for one in tested] == expected
    assert any(test.sign for test in expected)


def test_the_best_is_the_first_in_rank_and_what_is_not_proven_worse_may_be_as_good(tmp_path: Path) -> None:
    _, places = measured(written(tmp_path, ONE), Store(tmp_path))
    found = by_method(places)
    assert [name for name, one in found.items() if one.best] == ["LSP"]
    assert [name for name, one in found.items() if one.as_good] == ["Noise 2"]
    expected = ranks({name: runs_of(found[name].records) for name in SHARES if name != "clean reference"})
    assert {name: found[name].rank for name in expected} == expected
    assert found["clean reference"].rank is None


def test_the_baseline_may_be_the_clean_reference(tmp_path: Path) -> None:
    text = ONE.replace('baseline = "LSP"', 'baseline = "clean reference"')
    _, places = measured(written(tmp_path, text), Store(tmp_path))
    found = by_method(places)
    assert found["LSP"].test and found["LSP"].test.difference.value == pytest.approx(-0.683, abs=0.01)
    assert found["clean reference"].test is None


def test_records_bear_the_names_of_the_study_and_nothing_else_of_them_changes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _, places = measured(written(tmp_path, ONE), store)
    record = by_method(places)["Noise 2"].records[0]
    assert (record.data.name, record.written) == ("Made up", {"method": "Noise 2", "attacker": "ResNet-18"})
    stored = store.cells.read(record.key)
    assert stored and stored.written["method"] == "random(noise=classwise)"
    assert stored.model_copy(update={"written": record.written, "data": record.data}) == record


def test_a_place_says_why_runs_are_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _, places = measured(written(tmp_path, ONE), store, {"LSP": 0.2, "Noise 2": 0.3})
    missing = by_method(places)["Noise_1 #2"]
    assert (missing.pairing, missing.gaps) == (None, {NOT_COMPUTED: 9})
    assert str(NOT_COMPUTED) == "not computed yet: uebench study run"
    keys = [one.spec.key for one in missing.place.cells]
    store.work.write_failure(Failure(key=keys[0], title="a cell", kind="CellError", message="it broke"))
    store.cells.path(by_method(places)["LSP"].records[0].key).write_text("{}")
    _, places = measured(tmp_path / "mine.toml", store, {})
    found = by_method(places)
    assert found["Noise_1 #2"].gaps == {Gap("failed", "it broke"): 1, NOT_COMPUTED: 8}
    (gap,) = found["LSP"].gaps
    assert gap.status == "damaged" and str(gap).startswith("damaged: ")
    assert found["LSP"].pairing and found["LSP"].pairing.runs.seeds == "3 x 2-3"


def test_a_record_that_counts_other_photographs_than_the_rest_is_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _, places = measured(written(tmp_path, ONE), store)
    stored = store.cells.read(by_method(places)["LSP"].records[0].key)
    assert stored
    first, second, *others = stored.per_identity
    moved = [Counts(correct=first.correct, n=first.n + 1), Counts(correct=second.correct, n=second.n - 1), *others]
    store.cells.write(stored.model_copy(update={"per_identity": moved, "answers": None}))
    _, places = measured(tmp_path / "mine.toml", store, {})
    found = by_method(places)
    assert found["LSP"].gaps == {CONTRADICTING: 1}
    assert len(found["LSP"].records) == 8 and stored.key not in {one.key for one in found["LSP"].records}
    assert found["Noise 2"].gaps == {}


def test_single_runs_are_not_tested_and_never_marked_as_the_best(tmp_path: Path) -> None:
    text = ONE.replace("seed = [0, 1, 2]\nmethod_seed = [0, 1, 2]", "seed = 0")
    spec, places = measured(written(tmp_path, text), Store(tmp_path))
    found = by_method(places)
    assert not any(one.protects or one.best or one.as_good for one in places)
    assert {str(found[name].rank) for name in ("LSP", "Noise_1 #2", "Noise 2")} == {"1-3"}
    tests = [one.test for one in places if one.test]
    assert [(test.p, test.p_holm, test.sign) for test in tests] == [(None, None, 0)] * 2
    assert tests[0].difference.value == pytest.approx(0.6, abs=0.1)
    assert not any("shown to protect" in note for note in arrange(spec, places).notes)


def test_a_single_run_beside_several_is_not_the_best_and_may_be_as_good(tmp_path: Path) -> None:
    store = Store(tmp_path)
    spec, places = measured(written(tmp_path, ONE), store)
    for record in by_method(places)["LSP"].records[1:]:
        store.cells.path(record.key).unlink()
    _, places = measured(tmp_path / "mine.toml", store, {})
    found = by_method(places)
    assert found["LSP"].pairing and found["LSP"].pairing.runs.seeds == "1 x 1"
    assert [name for name, one in found.items() if one.protects] == ["Noise_1 #2", "Noise 2"]
    assert [name for name, one in found.items() if one.best] == ["Noise 2"]
    assert [name for name, one in found.items() if one.as_good] == ["LSP"]
    assert str(found["LSP"].rank) == "1-3"
    assert {name: one.test and one.test.p for name, one in found.items()} == dict.fromkeys(found)  # LSP is the baseline
    notes = arrange(spec, places).notes
    assert any("fewer than three method seeds" in note for note in notes) and not any(
        "differs from LSP" in note for note in notes
    )


def test_there_is_no_best_where_no_method_is_shown_to_protect(tmp_path: Path) -> None:
    shares = {"clean reference": 0.9, "LSP": 0.89, "Noise_1 #2": 0.9}
    spec, places = measured(written(tmp_path, ONE), Store(tmp_path), shares)
    assert not any(one.protects or one.best or one.as_good for one in places)
    assert any(note.startswith("none shown to protect against ResNet-18 on") for note in arrange(spec, places).notes)
