from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.studies import STUDY, written
from uebench.errors import DataError, UebenchError
from uebench.planning.grid import Grid, Planner
from uebench.planning.study import StudyPlan, plan_study
from uebench.planning.study_file import read_study
from uebench.plugins.registry import Registry
from uebench.store.store import Store

SHORT = f'preset = "smoke"\ndata = ["{TINY}"]\nmethod = ["lsp", "random"]\nattacker = ["resnet18"]\n'


def plan(folder: Path, text: str) -> StudyPlan:
    return plan_study(read_study(written(folder, text)), Planner(Registry(), Store(folder / "results")))


def test_the_cells_are_those_of_the_grid_with_the_same_texts(tmp_path: Path) -> None:
    found = plan(tmp_path, f"seed = [0, 1]\nmethod_seed = [0, 1]\n{SHORT}")
    grid = Grid(
        method=("lsp", "random"), attacker=("resnet18",), data=(TINY,), seed=(0, 1), method_seed=(0, 1), preset="smoke",
        with_clean=True,
    )  # fmt: skip
    same = Planner(Registry(), Store(tmp_path)).plan(grid)
    assert [one.spec.key for one in found.plan.cells] == [one.spec.key for one in same.cells]
    assert {place.method.name: len(place.cells) for place in found.places} == {
        "clean reference": 2, "lsp": 4, "random": 4,
    }  # fmt: skip


def test_entries_of_a_group_stand_together_and_the_reference_comes_first(tmp_path: Path) -> None:
    mixed = '[[method]]\nname = "{}"\nmethod = "{}"\ngroup = "{}"\n'
    methods = mixed.format("A", "lsp", "x") + mixed.format("B", "ue", "y") + mixed.format("C", "random", "x")
    text = f'preset = "smoke"\ndata = ["{TINY}"]\nattacker = ["resnet18"]\n{methods}{mixed.format("None", "clean", "")}'
    assert [place.method.name for place in plan(tmp_path, text).places] == ["None", "A", "C", "B"]


def test_a_study_without_data_uses_the_set_of_its_preset(tmp_path: Path) -> None:
    text = 'preset = "desk64"\nmethod = ["lsp"]\nattacker = ["resnet18"]\n'
    assert [one.set for one in read_study(written(tmp_path, text)).data] == ["orl"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SHORT.replace('"random"', '"lsp(eps=6/255)"'), "the methods 'lsp' and 'lsp(eps=6/255)' are the same"),
        (SHORT.replace('["resnet18"]', '["resnet18", "resnet18(epochs=2)"]'), "the attackers 'resnet18' and"),
        (SHORT.replace("data = [", f'data = ["{TINY[:-1]}, seed=0)", '), "the data sets"),
        (STUDY.replace("Noise 2", "LSP"), "mine.toml: method 3: the name 'LSP' is taken"),
        (STUDY.replace('baseline = "LSP"', 'baseline = "LPS"'), "'LPS' is no method of this study; did you mean 'LSP'"),
        (STUDY.replace("title", "tilte"), "unknown name 'tilte'; did you mean 'title'"),
        (STUDY.replace('method = "random"', 'grp = "random"'), "method 2: it has no method"),
        (STUDY.replace('group = "plain"', 'grup = "plain"'), "attacker 1: unknown option 'grup'"),
        (STUDY.replace('"smoke"', '"smok"'), "did you mean 'smoke'"),
        (STUDY.replace('"lsp"', '"lsq"'), "did you mean 'lsp'"),
        ('attacker = ["resnet18"]', "no method given; add [[method]] with method = ..."),
        ("title = ", "not valid TOML"),
        ("seed = []\n" + SHORT, "seed=[]"),
    ],
)
def test_a_wrong_study_is_refused_with_the_entry_at_fault(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UebenchError) as refused:
        plan(tmp_path, text)
    assert complaint in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.toml: cannot be read"):
        read_study(tmp_path / "absent.toml")
