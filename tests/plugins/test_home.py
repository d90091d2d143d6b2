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


@pytest.mark.parametrize(
    "options",
    [
        *(("--method", method, "--attacker", attacker) for method, attacker in OPTIONS),
        ("--method", "ue(weights='{}/file.npy')", "--attacker", "resnet18"),
        ("--protected", "x={}/x.npy", "--attacker", "resnet18"),
    ],
)
def test_the_home_folder_of_nobody_is_refused_in_a_line(uebench: Command, options: tuple[str, ...]) -> None:
    texts = (text.format("~nobody-here") for text in options)
    answer = uebench("run", "--preset", "smoke", "--data", TINY, *texts)
    assert "there is no user 'nobody-here'; write the path in full" in answer.refusal(2)
