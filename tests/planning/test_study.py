from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.studies import STUDY, written
from uebench.errors import DataError, UebenchError, UsageError
from uebench.planning.grid import Grid, Planner
from uebench.planning.study import StudyPlan, plan_study, without_all
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
        (
            SHORT.replace('method = ["lsp", "random"]', 'method = [{name = "clean reference", method = "lsp"}]'),
            "two methods are named 'clean reference'; rename one",
        ),
        (SHORT.replace("data = [", f'data = ["{TINY[:-1]}, seed=0)", '), "the data sets"),
        (STUDY.replace("Noise 2", "LSP"), "mine.toml: method 3: the name 'LSP' is taken"),
        (
            STUDY.replace('baseline = "LSP"', 'baseline = "LPS"'),
            "'LPS' is not a method of this study; did you mean",
        ),
        (STUDY.replace("title", "tilte"), "unknown name 'tilte'; did you mean 'title'"),
        (STUDY.replace('method = "random"', 'grp = "random"'), "method 2: it has no method"),
        (STUDY.replace('group = "plain"', 'grup = "plain"'), "attacker 1: unknown option 'grup'"),
        (STUDY.replace('"smoke"', '"smok"'), "did you mean 'smoke'"),
        (STUDY.replace('"lsp"', '"lsq"'), "did you mean 'lsp'"),
        ('attacker = ["resnet18"]', "no method given; add [[method]] with method = ..."),
        ("title = ", "not valid TOML"),
        ("seed = []\n" + SHORT, "seed=[] is refused: it is empty"),
        ("seed = 1.5\n" + SHORT, "seed=1.5 is not a seed; write 0, or a range as 0-2, or a list as 0,1,2"),
        ('metrics = "psnr"\n' + SHORT, "metrics=psnr is refused: write a list, as [...]"),
        (STUDY.replace('"Noise 2"', '""'), 'method 3: name="" is refused: it is empty'),
        (STUDY.replace('"lsp"', '""'), 'method 1: method="" is refused: it is empty'),
        ('method = "lsp"\nattacker = ["resnet18"]', "method is not a list; write method = "),
        ('metrics = ["pnsr"]\n' + SHORT, "unknown metric 'pnsr'; did you mean 'psnr'"),
        ("reported = 3\n" + SHORT, 'reported names no file; write reported = "numbers.csv"'),
        (STUDY.replace('set = "synthetic', 'set = ""  # "synthetic'), "which data set is 'Made up'? add --data SET"),
    ],
)
def test_a_wrong_study_is_refused_with_the_entry_at_fault(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UebenchError) as refused:
        plan(tmp_path, text)
    assert complaint in str(refused.value)
    assert refused.value.exit_code == 2


NUMBERS = 'reported = "numbers.csv"\n'
HEAD = "method,attacker,accuracy,source\n"


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        (HEAD + "lps,resnet18,1,x\n", "numbers.csv: line 2: no method 'lps' in this study; did you mean 'lsp'"),
        (HEAD + "lsp,resnet,1,x\n", "line 2: no attacker 'resnet' in this study; did you mean 'resnet18'"),
        (HEAD.replace("source", "source,data") + "lsp,resnet18,1,x,orl\n", "line 2: no data 'orl' in this study"),
        (HEAD + "lsp,resnet18,ten,x\n", "line 2: accuracy"),
        (HEAD + "lsp,resnet18,101,x\n", "line 2: accuracy"),
        (HEAD + "lsp,resnet18,1,\n", "line 2: source"),
        (HEAD + "lsp,resnet18,1,a, b\n", "line 2: it has more fields than the header"),
        (HEAD + "lsp,resnet18,1,x\nlsp,resnet18,2,y\n", "line 3: lsp against resnet18 is there twice"),
        ("method,attacker,accuracy\nlsp,resnet18,1\n", "no column 'source'"),
        ("methods,attacker,accuracy,source\n", "unknown column 'methods'; did you mean 'method'"),
        (HEAD + 'lsp,resnet18,1,"x\n', "not valid CSV"),
    ],
)
def test_wrong_reported_numbers_are_refused_with_their_line(tmp_path: Path, numbers: str, complaint: str) -> None:
    (tmp_path / "numbers.csv").write_text(numbers)
    with pytest.raises(UsageError) as refused:
        read_study(written(tmp_path, NUMBERS + SHORT))
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


def test_reported_numbers_lie_beside_the_study_and_name_the_data_set_if_there_are_several(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"numbers\.csv: cannot be read"):
        read_study(written(tmp_path, NUMBERS + SHORT))
    (tmp_path / "numbers.csv").write_text(HEAD + "clean reference,resnet18,94.5,x\n", encoding="utf-8-sig")
    (found,) = read_study(written(tmp_path, NUMBERS + SHORT)).reported
    assert (found.data, found.method, found.attacker, found.accuracy) == (TINY, "clean reference", "resnet18", 94.5)
    several = NUMBERS + SHORT.replace("data = [", 'data = ["orl", ')
    with pytest.raises(UsageError, match="no column 'data'"):
        read_study(written(tmp_path, several))
    (tmp_path / "numbers.csv").write_text("data," + HEAD + "orl,lsp,resnet18,1,x\n,lsp,resnet18,2,x\n")
    with pytest.raises(UsageError, match=r"line 3: it names no data set; known: orl, synthetic"):
        read_study(written(tmp_path, several))


OPEN = """
method = ["lsp"]
attacker = ["resnet18"]
data = [{ name = "Faces" }, { name = "Others" }, "synthetic"]
"""


def test_what_a_study_leaves_open_is_filled_by_name_or_alone(tmp_path: Path) -> None:
    file = written(tmp_path, OPEN)
    found = read_study(file, ["Others=orl", "Faces=folder(path=a=b)"])
    assert [one.set for one in found.data] == ["folder(path=a=b)", "orl", "synthetic"]
    alone = written(tmp_path, OPEN.replace(', { name = "Others" }', ""))
    assert [one.set for one in read_study(alone, ["folder(path=a=b)"]).data] == ["folder(path=a=b)", "synthetic"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ((), "which data set is 'Faces'? add --data 'Faces=SET'"),
        (("Faces=orl",), "which data set is 'Others'?"),
        (("Faces=orl", "Others="), "which data set is 'Others'?"),
        (("orl",), "data 'orl': "),
        (("Face=orl",), "leaves 2 data sets open; write NAME=SET; did you mean 'Faces'?"),
        (("Faces=orl", "Faces=a"), "data 'Faces=a': 'Faces' is given twice"),
    ],
)
def test_a_data_set_too_few_or_too_many_is_refused(tmp_path: Path, data: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_study(written(tmp_path, OPEN), data)
    assert complaint in str(refused.value)


def test_given_data_sets_replace_those_of_a_study_that_leaves_none_open(tmp_path: Path) -> None:
    file = written(tmp_path, SHORT)
    found = read_study(file, ["Mine=folder(path=a=b)", "orl", "folder(path=a=b, repeats=drop)"])
    sets = [(one.name, one.set) for one in found.data]
    drop = "folder(path=a=b, repeats=drop)"
    assert sets == [("Mine", "folder(path=a=b)"), ("orl", "orl"), (drop, drop)]
    with pytest.raises(UsageError, match="data 'orl': 'orl' is given twice; give it once"):
        read_study(file, ["orl", "orl"])
    for nothing in ("Mine=", "=orl", ""):
        with pytest.raises(UsageError, match="names nothing; write SET or NAME=SET"):
            read_study(file, [nothing])


def test_data_sets_with_reported_numbers_are_not_replaced(tmp_path: Path) -> None:
    file = written(tmp_path, 'reported = "numbers.csv"\n' + SHORT)
    with pytest.raises(UsageError, match=r"data 'orl': .*mine\.toml has reported numbers for its own data sets; leave"):
        read_study(file, ["orl"])


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="study '': neither a TOML file nor a study of uebench; known: apbench, today"):
        read_study("")
    with pytest.raises(DataError, match=r"absent\.toml: cannot be read"):
        read_study(tmp_path / "absent.toml")


def test_all_leaves_what_a_study_names_itself_as_it_is(tmp_path: Path) -> None:
    text = f"""
data = ["{TINY}"]
attacker = ["resnet18"]
[[method]]
name = "Everything"
method = "all"
group = "many"
[[method]]
name = "Patches"
method = "lsp"
"""
    spec = without_all(read_study(written(tmp_path, text)), Registry())
    names = {one.name: one.group for one in spec.method}
    assert set(names) == {*Registry().ready("method"), "Patches"} - {"lsp"}
    assert (names["Patches"], names["ue"]) == ("", "many")
    assert spec.attacker[0].name == "resnet18"
