"""A plugin class that breaks its contract ends in one line that names it, in a plan and in ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import uebench
from tests.plugin_files import plugin_file
from uebench.api.check import check
from uebench.data.side_information import SideInformation
from uebench.errors import UsageError
from uebench.plugins import questions
from uebench.plugins.base import Config
from uebench.plugins.class_form import RESERVED
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse

BEFORE = """
from pathlib import Path
from uebench.plugins.base import Radius

class Options(Config):
    pass

def faces():
    import numpy as np
    return tuple(Split(np.full((4, 3, 32, 32), grey, np.uint8), np.array([0, 0, 1, 1])) for grey in (0, 9))
"""
BODIES = {
    "Method": "    def perturb(self, batch, ctx): return batch.images\n",
    "Attacker": "    def fit(self, train, countermeasures, ctx): ...\n",
    "Countermeasure": "    place = 'batch'\n",
    "Source": "    def label(self): return 'mine'\n    def read(self, size): ...\n",
}
METHOD = {
    "    Config = None": "has no Config; write `Config = MyConfig`",
    "    Config = dict": "has no Config; write `Config = MyConfig`",
    "    perturb = Method.perturb": "lacks perturb; define what the contract of Method asks for",
    "    def __init__(self, config): pass": "__init__ does not keep its options; call super().__init__(config) there",
    "    class Config(Options):\n        file: 'Absent'": "has a Config with unknown types: ",
    "    presets = []": "has `presets` that is not a dict",
    "    presets = {'desk': 3}": "has a preset 'desk' that is not a dict",
    "    presets = {'desk': {'rounds': 3}}": "has a preset 'desk' with an option 'rounds' that its Config lacks",
    "    why = 'faster'": "has `why` that is not a dict",
    "    def __init__(self, config): self.rounds = config.rounds": "__init__ fails: AttributeError in mine.py:",
    "    def obstacle(self, shape): return shape.colour": "obstacle fails: AttributeError in mine.py:",
    "    def obstacle(self, shape): return False": "obstacle returned bool; it must return a string or None",
    "    def assets(self, size): return ('weights.pt',)": "assets returned a tuple (str); it must return a tuple of",
    "    earlier = dict(a='b')": "has an `earlier` that is not a literal; write {digest: sentence}",
    "    class Config(Options):\n        labels: int = 3": "has an option 'labels', which uebench itself reads",
    "    class Config(Options):\n        preset: str = 'x'": "has an option 'preset', which uebench itself reads",
    "    def assets(self, size): 1 / 0": "assets fails: ZeroDivisionError in mine.py:",
    "    def obstacle(self, shape): raise SystemExit(3)": "obstacle ends the process in mine.py:",
}
OTHERS = [
    ("Attacker", "    places = None", "has `places` that is not a tuple; write those of"),
    ("Attacker", "    places = 'batch'", "has `places` that is not a tuple; write those of"),
    ("Attacker", "    places = ('bach',)", "has a place 'bach'; choose from batch, step, epoch"),
    ("Countermeasure", "    place = 'bach'", "place must be one of scope, set, batch"),
    (
        "Source",
        "    def label(self): return 3\n    def read(self, size): return faces()",
        "label returned int; it must return a string",
    ),
    ("Source", "    def listing(self): return []", "listing returned list; it must return a Listing or None"),
    ("Source", "    def read(self, size): return None", "read returned NoneType; it must return a training and a test"),
    (
        "Source",
        "    def read(self, size): raise FileNotFoundError('not mounted')",
        "read fails: FileNotFoundError in mine.py:",
    ),
    ("Source", "    def read(self, size): return size.x", "read fails: AttributeError in mine.py:"),
]
CASES = [("Method", body, message) for body, message in METHOD.items()] + OTHERS
USED_AS = {"Method": "method", "Attacker": "attacker", "Countermeasure": "attacker", "Source": "data"}


def write(folder: Path, base: str, body: str) -> Path:
    return plugin_file(folder / "mine.py", BODIES[base] + body, base, options="Options", before=BEFORE)


@pytest.mark.parametrize(("base", "body", "message"), CASES)
def test_a_run_refuses_it_in_one_line(tmp_path: Path, base: str, body: str, message: str) -> None:
    file = write(tmp_path, base, body)
    named: dict[str, Any] = {"method": "clean", "attacker": "resnet18", "data": "synthetic"}
    named[USED_AS[base]] = "resnet18+mine" if base == "Countermeasure" else "mine"
    with pytest.raises(UsageError) as refused:
        uebench.run(**named, preset="smoke", plugins=[file], results=tmp_path / "results")
    text = str(refused.value)
    assert message in text
    assert f"{base.lower()} 'mine'" in text
    assert "\n" not in text


@pytest.mark.parametrize(("base", "body", "message"), CASES)
def test_check_reports_it_and_goes_on(tmp_path: Path, base: str, body: str, message: str) -> None:
    file = write(tmp_path, base, body)
    outcomes = list(check([str(file), "clean"]))
    failed = [outcome for outcome in outcomes if outcome.status == "failed" and outcome.plugin == "mine"]
    assert failed
    assert "clean" in {outcome.plugin for outcome in outcomes}


def test_check_validates_every_preset(tmp_path: Path) -> None:
    body = (
        "    class Config(Options):\n        eps: Radius = 0.1\n"
        "    presets = {'smoke': {}, 'official': {'eps': 8}}\n    why = {'official': 'The authors use it.'}"
    )
    file = write(tmp_path, "Method", body)
    [failed] = [one for one in check([str(file)]) if one.check == "presets"]
    assert failed.status == "failed"
    assert failed.reason.startswith("preset 'official': eps=8 is on the [0, 1] pixel scale: write 8/255")


def test_the_epochs_of_an_attacker_are_a_number(tmp_path: Path) -> None:
    attacker = Registry([write(tmp_path, "Attacker", "    epochs = 'ten'")]).build("attacker", parse("mine"))
    with pytest.raises(UsageError, match="attacker 'mine': epochs returned str; it must return a whole number or None"):
        questions.epochs(attacker)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "fault"),
    [
        ("8 / 255", "budget returned float; it must return a Budget"),
        ("Budget('L2', 2)", "its norm must be one of 'linf', 'l2', 'l0', 'none'"),
        ("Budget('linf', 8)", "its eps is on the [0, 1] pixel scale; write 8/255 for 8 grey levels"),
        ("Budget('l2', float('inf'))", "its eps must be a finite number that is not negative"),
        ("Budget('l2', -1)", "its eps must be a finite number that is not negative"),
        ("Budget('l2', '2')", "its eps must be a finite number that is not negative"),
    ],
)
def test_a_budget_that_is_none_is_the_failure_of_its_cells(tmp_path: Path, budget: str, fault: str) -> None:
    learns = "    def fit(self, train, ctx): raise ValueError('learned before the budget was asked for')\n"
    file = write(tmp_path, "Method", f"{learns}    def budget(self, size): return {budget}")
    done = uebench.run("mine", "resnet18", data="synthetic", preset="smoke", plugins=[file], results=tmp_path / "r")
    (reason,) = (cell.reason for cell in done.cells)
    assert reason.startswith("method 'mine': budget returned ") and reason.endswith(fault)


def test_a_fit_without_a_result_is_the_failure_of_its_cells(tmp_path: Path) -> None:
    file = write(tmp_path, "Attacker", "    def fit(self, train, countermeasures, ctx): pass")
    done = uebench.run("clean", "mine", data="synthetic", preset="smoke", plugins=[file], results=tmp_path / "r")
    assert [cell.reason for cell in done.cells] == ["attacker 'mine': fit returned NoneType; return a Trained"]


def test_a_curve_without_the_results_of_the_referee_is_the_failure_of_its_cells(tmp_path: Path) -> None:
    body = """
    def fit(self, train, countermeasures, ctx):
        from uebench.plugins.base import Trained
        from uebench.networks import classifier
        net = classifier("resnet18", train.num_classes, train.images.shape[-1]).eval()
        return Trained(net, ({"epoch": 1, "loss": 0.0},), "epochs", 1, 0.0, 1, details={})
"""
    file = write(tmp_path, "Attacker", body)
    done = uebench.run("clean", "mine", data="synthetic", preset="smoke", plugins=[file], results=tmp_path / "r")
    assert [cell.reason for cell in done.cells] == [
        "attacker 'mine': epoch 1 of its curve has no result of the referee; add what ctx.examine returns"
    ]


def test_the_names_of_side_information_are_reserved() -> None:
    assert RESERVED["method"] == {"preset", *SideInformation.model_fields}


def test_a_set_of_words_has_one_order_in_every_process() -> None:
    class Words(Config):
        words: frozenset[str] = frozenset()

    words = [f"word{number}" for number in range(40)]
    assert Words(words=frozenset(words)).published() == {"words": sorted(words)}


FILE_OPTION = """
    class Config(Options):
        table: Path = Path("none")
"""


def asking(tmp_path: Path, table: Path, body: str = "") -> tuple[Path, ...]:
    file = write(tmp_path, "Method", FILE_OPTION + body)
    return questions.assets(Registry([file]).build("method", parse(f"mine(table={str(table)!r})")), 32)


def test_a_file_that_an_option_names_enters_the_key(tmp_path: Path) -> None:
    table = tmp_path / "table.npy"
    assert asking(tmp_path, table) == ()
    table.write_bytes(b"1")
    assert asking(tmp_path, table) == (table,)
    assert asking(tmp_path, table, "    def assets(self, size): return (self.config.table,)") == (table,)


def test_a_folder_that_an_option_names_needs_its_files_in_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    with pytest.raises(UsageError, match="option 'table' names a folder, but assets returns none of its files"):
        asking(tmp_path, folder)
    body = "    def assets(self, size): return (self.config.table / 'a.npy',)"
    assert asking(tmp_path, folder, body) == (folder / "a.npy",)


def test_the_peak_is_the_first_epoch_of_the_best(tmp_path: Path) -> None:
    body = """
    def fit(self, train, countermeasures, ctx):
        from uebench.plugins.base import Trained
        from uebench.networks import classifier
        net = classifier("resnet18", train.num_classes, train.images.shape[-1]).eval()
        curve = tuple({"epoch": epoch, "loss": 1.0, "train_correct": 0} | ctx.examine(net) for epoch in (1, 2, 3))
        return Trained(net, curve, "epochs", 3, 0.0, 3, details={})
"""
    file = write(tmp_path, "Attacker", body)
    done = uebench.run("clean", "mine", data="synthetic", preset="smoke", plugins=[file], results=tmp_path / "r")
    (record,) = (cell.record for cell in done.cells)
    assert record, done.cells[0].reason
    assert len({epoch.test_correct for epoch in record.curve}) == 1
    assert record.peak.epoch == 1
