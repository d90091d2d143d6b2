"""The studies that come with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from uebench.errors import UsageError
from uebench.planning.grid import Planner
from uebench.planning.study import StudyPlan, plan_study
from uebench.planning.study_file import about_studies, known_studies, read_study
from uebench.plugins.registry import Registry
from uebench.store.store import Store

OPEN = {"apbench": ["synthetic(identities=10, train=2, test=2)"]}
"""The data sets of the studies that leave them open."""
CELLS = {"apbench": 100, "today": 64}


def planned(name: str) -> StudyPlan:
    return plan_study(read_study(name, OPEN.get(name, ())), Planner(Registry(), Store(ROOT / "results")))


@pytest.mark.parametrize("name", known_studies())
def test_every_cell_of_a_study_is_possible(name: str) -> None:
    plan = planned(name).plan
    assert len(plan.cells) == len(plan.possible) == CELLS[name]


@pytest.mark.parametrize("name", known_studies())
def test_a_study_says_in_a_sentence_what_it_is_about(name: str) -> None:
    assert len(about_studies()[name]) > 40


def test_the_committed_cells_of_today_are_found() -> None:
    plan = planned("today").plan
    desk = {
        path.stem
        for path, record in Store(ROOT / "results").cells
        if record and (record.data.name, record.preset) == ("orl_varied10", "desk")
    }
    done = {one.spec.key for one in plan.cells if one.status == "done"}
    assert done == desk & {one.spec.key for one in plan.cells}
    known = [
        (one.spec.protection.method.written, str(one.spec.chain[0].written))
        for one in plan.cells
        if one.spec.key in done
    ]
    for method in ("clean", "random(noise=classwise)", "lsp", "tue", "ue", "segue(weights=none)"):
        assert {(method, attacker) for attacker in ("resnet18", "linear_probe", "knn")} <= set(known)


def test_apbench_has_32_pixels_a_small_stem_and_the_training_of_the_preset_official() -> None:
    cell = planned("apbench").plan.cells[0].spec
    options = cell.chain[0].config.published()
    assert cell.protection.data.size == 32
    assert [options[name] for name in ("optimizer", "lr", "epochs", "stem")] == ["sgd", 0.1, 60, "by_size"]


def test_every_number_that_apbench_reports_names_its_source() -> None:
    spec = read_study("apbench", OPEN["apbench"])
    assert len(spec.reported) == 7 * 10 + 3
    assert all("github.com/" in one.source for one in spec.reported)


def test_a_name_that_no_study_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"study 'tody': neither a TOML file nor .*; did you mean 'today'"):
        read_study("tody")


def test_a_file_of_the_user_is_read_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan").write_text('title = "Mine"\nmethod = ["lsp"]\nattacker = ["resnet18"]')
    Path("today").write_text('title = "Mine too"\nmethod = ["lsp"]\nattacker = ["resnet18"]')
    assert read_study("plan").title == "Mine"
    assert read_study("./today").title == "Mine too"
    assert read_study("today").title.startswith("Protections against")
