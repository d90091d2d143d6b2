"""``~`` in whatever option is a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY, Command
from uebench.planning.cell import CellSpec
from uebench.planning.grid import Grid, Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store

OPTIONS = [
    ("segue(weights='{}/file.npy')", "resnet18"),
    ("lsp(labels=kmeans, embedding='resnet10t:{}/file.npy')", "resnet18"),
    ("protected(file='{}/file.npy')", "resnet18"),
    ("lsp", "finetune(weights='{}/file.npy')"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file.npy").write_bytes(b"content")
    return tmp_path


def cell(method: str, attacker: str, folder: str | Path, results: Path) -> CellSpec:
    texts = {"method": (method.format(folder),), "attacker": (attacker.format(folder),)}
    (planned,) = Planner(Registry(), Store(results)).plan(Grid(data=(TINY,), preset="smoke", **texts)).cells
    return planned.spec


@pytest.mark.parametrize(("method", "attacker"), OPTIONS)
def test_the_home_folder_may_be_short_and_the_key_is_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch, method: str, attacker: str
) -> None:
    monkeypatch.chdir(home)
    short, full, relative = (cell(method, attacker, folder, home / "results") for folder in ("~", home, "."))
    assert short.key == full.key == relative.key


@pytest.mark.parametrize(("method", "attacker"), [*OPTIONS, ("ue(weights='{}/file.npy')", "resnet18")])
def test_the_home_folder_of_nobody_is_refused_in_a_line(uebench: Command, method: str, attacker: str) -> None:
    texts = (text.format("~nobody-here") for text in ("--method", method, "--attacker", attacker))
    answer = uebench("run", "--preset", "smoke", "--data", TINY, *texts)
    assert answer.code == 2
    assert "there is no user 'nobody-here'; write the path in full" in answer.complaint


def test_so_is_that_of_a_protected_set(uebench: Command) -> None:
    given = ("--attacker", "resnet18", "--protected", "x=~nobody-here/x.npy")
    answer = uebench("run", "--preset", "smoke", "--data", TINY, *given)
    assert answer.code == 2
    assert "there is no user 'nobody-here'; write the path in full" in answer.complaint
