"""``~`` means the home folder in every path that the Python API takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uebench
from tests.conftest import QUICK, ROOT, Command
from uebench.api import results_folder
from uebench.api.check import check
from uebench.api.new import new
from uebench.api.workspace import Workspace
from uebench.data.builders import BUILDERS, build
from uebench.data.dataset import load
from uebench.errors import DataError
from uebench.plugins.registry import Registry

SMALLEST = replace(BUILDERS["webface10"], identities=2, train=2, test=1)
STUDY = f"""
data = [{{name = "ours", set = "~/faces"}}]
method = [{{name = "plain", method = "clean"}}]
attacker = [{{name = "small", attacker = "{QUICK}"}}]
"""


@pytest.fixture
def home(photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with photographs, a protected set of others, a plugin and a study; the work is done elsewhere."""
    photos({"ann": 6, "bob": 6}, name="home/faces")
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    np.save(home / "ours.npy", load(str(home / "faces"), 32, Registry()).train.images)
    (home / "mine.py").write_text((ROOT / "docs" / "example_plugin.py").read_text())
    (home / "study.toml").write_text(STUDY)
    return home


def test_every_function_finds_and_leaves_its_files_in_the_home_folder(home: Path) -> None:
    where: dict[str, Any] = {"results": "~/results", "plugins": ["~/mine.py"]}
    asked: dict[str, Any] = {"data": "~/faces", "preset": "smoke", **where}
    result = uebench.run("stripes", QUICK, protected={"ours": "~/ours.npy"}, executor="serial", **asked)
    assert [cell.status for cell in result.cells] == ["computed"] * 2
    assert [cell.status for cell in uebench.plan("stripes", QUICK, **asked).cells] == ["done"]
    assert len(uebench.records("~/results").frame()) == 2
    key = result.cells[0].spec.key
    assert uebench.detect(key=key, data="~/faces", **where)
    assert uebench.inspect_protected({"ours": "~/ours.npy"}, **asked)
    uebench.export(key, "~/exported", data="~/faces", **where)
    uebench.fit("segue(epochs=1)", "~/weights.safetensors", **asked)
    uebench.protect(np.zeros((4, 3, 32, 32), np.uint8), [0, 0, 1, 1], "lsp", preset="smoke", results="~/checkpoints")
    uebench.study("~/study.toml", **where).run(executor="serial")
    assert uebench.verify_data("~/faces").test_images
    assert not results_folder.verify("~/results").faults
    assert results_folder.gc(Path("~/results"))
    results_folder.merge(["~/results"], "~/merged")
    assert results_folder.export_records("~/cells.csv", "~/merged")[0] == 3
    new("method", "another", "~/another.py")
    assert "failed" not in {one.status for one in check(["~/another.py"])}
    uebench.protect_folder("~/faces", "~/copies", "lsp", preset="smoke", results="~/checkpoints")
    build(SMALLEST, Path("~/faces"), Path("~/built"), 0, progress=lambda *_: None)
    for name in ("exported", "weights.safetensors", "cells.csv", "another.py", "copies/ann/0.png", "built/train"):
        assert (home / name).exists(), name
    assert not list(Path.cwd().iterdir())


def test_what_all_functions_share_knows_the_home_folder(home: Path) -> None:
    workspace = Workspace.of("~/results", ["~/mine.py"])
    assert workspace.store.root == home / "results"
    assert workspace.plugins == (home / "mine.py",)
    assert Workspace("~/results").store.root == home / "results"


def test_commands_that_read_know_the_home_folder(home: Path, uebench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UEBENCH_RESULTS", "~/results")
    asked = "--preset", "smoke", "--data", "~/faces", "--plugin", "~/mine.py"
    assert uebench("run", "--method", "stripes", "--attacker", QUICK, *asked).code == 0
    for command in (("leaderboard",), ("compare",), ("status",)):
        answer = uebench(*command)
        assert answer.code == 0 and "no record" not in answer.out + answer.err, answer
    assert "stripes" in uebench("status").out
    assert "stripes" in uebench("list", "methods", "--plugin", "~/mine.py").out
    assert (home / "results" / "cells").is_dir()


def test_a_user_that_there_is_not_is_named() -> None:
    with pytest.raises(
        DataError,
        match="'~nobody_here/results': cannot be found: there is no user 'nobody_here'; write the path",
    ):
        uebench.records("~nobody_here/results")
