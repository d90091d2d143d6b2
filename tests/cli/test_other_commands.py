from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.conftest import TINY, Command
from uebench.pretrained.weights import metadata
from uebench.store.record import Failure
from uebench.store.store import Store

pytestmark = pytest.mark.usefixtures("small_networks")

LSP = ("--method", "lsp", "--attacker", "resnet18")


def test_list_methods_shows_name_title_venue_and_family(uebench: Command) -> None:
    (line,) = [line for line in uebench("list", "methods").out.splitlines() if line.startswith("lsp")]
    assert line.split("  ")[0] == "lsp"
    for text in ("Availability Attacks Create Shortcuts", "KDD 2022", "training-free"):
        assert text in line


def test_list_shows_everything_and_speaks_json(uebench: Command) -> None:
    out = uebench("list").out
    for name in ("segue", "inception_v3", "orl", "desk"):
        assert name in out
    assert {row["name"] for row in uebench("list", "presets", "--json").json["presets"]} == {
        "smoke",
        "desk",
        "desk64",
        "paper",
        "official",
    }


def test_show_a_plugin_with_its_options(uebench: Command) -> None:
    out = uebench("show", "segue").out
    assert "E of Algorithm 1." in out
    assert "Segue: Side-information Guided" in out
    assert "eps              8/255" in out
    assert (
        "Deviations from the authors' code: the last incomplete batch of a pass is left out; and at all presets but"
        in out
    )
    assert uebench("show", "timm", "--json").json["required"] == ["model"]


def test_show_every_plugin_of_a_name(uebench: Command, tmp_path: Path) -> None:
    file = tmp_path / "twin.py"
    assert uebench("new", "countermeasure", "twin", "--to", file).code == 0
    file.write_text(file.read_text().replace('name = "twin"', 'name = "lsp"'))
    out = uebench("show", "lsp", "--plugin", file).out
    assert "lsp (method, version" in out
    assert "lsp (countermeasure, version" in out
    kinds = [each["kind"] for each in uebench("show", "lsp", "--plugin", file, "--json").json]
    assert kinds == ["method", "countermeasure"]


def test_show_a_record_by_the_first_digits_of_its_key(uebench: Command, tiny_run: Command) -> None:
    (cell,) = tiny_run(*LSP, "--json").json
    key = cell["record"]["key"]
    out = uebench("show", key[:8]).out
    assert key in out
    assert "chance 33.3" in out and "uebench run --data 'synthetic(" in out
    assert uebench("show", key[:8], "--json").json == cell["record"]
    assert "shows a plugin's options" in uebench("show", key[:8], "--preset", "desk").complaint


def test_show_a_failure_with_its_traceback(uebench: Command, tmp_path: Path) -> None:
    failure = Failure(
        key="f" * 64, title="people: mine vs resnet18, seed 0", kind="ValueError", message="mine: no such mask",
        traceback='Traceback (most recent call last):\n  File "mine.py", line 7, in fit\nValueError: no such mask\n',
    )  # fmt: skip
    Store(tmp_path / "results").work.write_failure(failure)
    out = uebench("show", "ffff").out
    assert "people: mine vs resnet18, seed 0" in out
    assert "mine: no such mask" in out
    assert 'File "mine.py", line 7, in fit' in out
    assert uebench("show", "ffff", "--json").json == failure.model_dump()


def test_status_names_what_failed_and_how_to_look_it_up(uebench: Command, tmp_path: Path) -> None:
    failure = Failure(key="f" * 64, title="people: mine vs resnet18, seed 0", kind="ValueError", message="no such mask")
    Store(tmp_path / "results").work.write_failure(failure)
    answer = uebench("status")
    assert "0 cells, 0 damaged, 1 failed" in answer.out
    assert f"failed: {'f' * 12}  people: mine vs resnet18, seed 0: no such mask" in answer.err
    assert uebench("status", "--json").json["failed"] == [failure.model_dump()]


def test_status_lists_cells_and_reports_damage(uebench: Command, tiny_run: Command, tmp_path: Path) -> None:
    tiny_run(*LSP, "--with-clean")
    answer = uebench("status")
    assert answer.code == 0
    assert "2 cells, 0 damaged, 0 failed" in answer.out
    assert {row["method"] for row in uebench("status", "--json").json["cells"]} == {"clean", "lsp"}
    next((tmp_path / "results" / "cells").rglob("*.json")).write_text("{}")
    answer = uebench("status")
    assert answer.code == 4
    assert "1 cells, 1 damaged" in answer.out
    assert "run the command of that cell again" in answer.err


def test_status_of_an_empty_store(uebench: Command) -> None:
    assert "0 cells" in uebench("status").out


READING = (
    ("status",),
    ("show", "ab12"),
    ("compare",),
    ("leaderboard",),
    ("table", "3"),
    ("report", "--html", "x.html"),
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_results_folder_that_is_typed_and_not_there_is_refused(uebench: Command, words: tuple[str, ...]) -> None:
    answer = uebench(*words, "--results", "resluts")
    assert (answer.code, answer.out) == (4, "")
    assert "results 'resluts': no such folder; name the folder of an earlier run" in answer.complaint
    assert not Path("resluts").exists() and not Path("x.html").exists()


def test_a_generator_is_trained_once_and_used_on_another_set(uebench: Command, tmp_path: Path) -> None:
    file = tmp_path / "g.safetensors"
    method = "segue(epochs=1, batch=6, rho_d=0.0)"
    answer = uebench("fit", method, "--data", TINY, "--preset", "smoke", "--out", file)
    assert answer.code == 0, answer.err
    with safe_open(file, framework="np") as opened:
        meta = json.loads(opened.metadata()["uebench"])
    assert (meta["method"], meta["size"], meta["num_classes"], meta["data"]) == ("segue", 32, 3, "synthetic3")
    assert meta["seconds"] > 0
    assert "uebench fit" in meta["command"]
    assert str(tmp_path) not in json.dumps(meta)
    answer = uebench(
        "run", "--preset", "smoke", "--data", "synthetic(identities=7)", "--attacker", "resnet18", "--json",
        "--method", f"segue(weights='{file}', epochs=1, batch=6, rho_d=0.0)",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    (cell,) = answer.json
    assert cell["record"]["assets"][0]["file"] == "g.safetensors"
    assert cell["record"]["method"]["config"]["weights"] == "g.safetensors"
    assert str(tmp_path) not in json.dumps(cell["record"])
    assert 1 <= cell["record"]["audit"]["max_levels"] <= 8


@pytest.mark.parametrize(("name", "written"), [("my faces' set", "my faces' set"), ("synthetic", "./synthetic")])
def test_the_command_in_a_weights_file_can_be_pasted(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path, name: str, written: str
) -> None:
    root = photos({"ann": 4, "bob": 4}, name=name)
    file = tmp_path / "noise.safetensors"
    answer = uebench("fit", "ue(rounds=1)", "--data", root, "--preset", "smoke", "--out", file)
    assert answer.code == 0, answer.err
    words = ["uebench", "fit", "ue(rounds=1, weights=none)", "--data", written]
    assert shlex.split(str(metadata(file, "ue")["command"])) == [*words, "--preset", "smoke", "--method-seed", "0"]


@pytest.mark.parametrize(
    "command", ["run", "list", "show", "status", "fit", "audit", "detect", "table", "compare", "reproduce"]
)
def test_every_command_explains_itself(uebench: Command, command: str) -> None:
    answer = uebench(command, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


@pytest.mark.parametrize(
    "command", [("run",), ("check",), ("leaderboard",), ("status",), ("store", "merge")], ids=" ".join
)
def test_the_usage_line_brackets_an_argument_once(uebench: Command, command: tuple[str, ...]) -> None:
    usage = uebench(*command, "--help").out.splitlines()[0]
    assert "[[" not in usage and "...}" not in usage


def test_version(uebench: Command) -> None:
    assert uebench("--version").out.startswith("uebench 0.")
