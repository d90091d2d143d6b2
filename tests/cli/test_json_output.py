"""A plugin that prints does not break the JSON on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, Command

pytestmark = pytest.mark.usefixtures("small_networks")


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A method that prints when it is imported and when it works."""
    text = (ROOT / "tests" / "testing" / "good" / "method.py").read_text()
    add = "        images = batch.images +"
    text = text.replace(add, f"        print('at work')\n{add}")
    assert "at work" in text
    file = tmp_path / "mine.py"
    file.write_text(f"{text}\n\nprint('imported')\n")
    return file


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_of_a_run(uebench: Command, plugin: Path, executor: str) -> None:
    grid = ("--method", "mine", "--attacker", "resnet18", "--data", TINY, "--preset", "smoke")
    answer = uebench("run", *grid, "--plugin", plugin, "--executor", executor, "--json")
    assert answer.code == 0, answer.err
    assert [cell["status"] for cell in answer.json] == ["computed"]
    assert "at work" not in answer.out


@pytest.mark.enable_socket  # the suite has a guard of its own
def test_of_a_check(uebench: Command, plugin: Path) -> None:
    answer = uebench("check", plugin, "--json")
    assert answer.code == 0, answer.out
    assert {outcome["plugin"] for outcome in answer.json} == {"mine"}
