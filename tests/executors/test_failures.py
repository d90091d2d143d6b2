"""A cell that fails costs itself only, whatever its plugin does, and the exit code says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import TINY, Command
from tests.e2e.test_processes import run

ROGUE = """
import os
import sys
from uebench.plugins.base import Config, Info, Method

def deep():
    {statement}

class Rogue(Method[Config]):
    name = "rogue"
    version = 1
    info = Info(title="does not come back")
    Config = Config
    def perturb(self, batch, ctx):
        deep()
        return batch.images
"""
GRID = (
    "run", "--preset", "smoke", "--data", TINY, "--method", "rogue", "--method", "lsp", "--attacker", "resnet18",
    "--json",
)  # fmt: skip


@pytest.fixture
def rogue(tmp_path: Path) -> Path:
    return tmp_path / "rogue.py"


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("raise AssertionError('no')", "AssertionError in rogue.py:7: no"),
        ("raise ImportError('no')", "ImportError in rogue.py:7: no"),
        ("raise MemoryError", "MemoryError in rogue.py:7"),
        ("raise Exception('no')", "Exception in rogue.py:7: no"),
        ("sys.exit(0)", "ended the process in rogue.py:7"),
        ("import torch; torch.zeros(2) @ torch.zeros(3)", "RuntimeError in rogue.py:7"),
    ],
)
def test_an_exception_of_any_kind_fails_its_cell_alone(
    uebench: Command, rogue: Path, statement: str, complaint: str
) -> None:
    rogue.write_text(ROGUE.format(statement=statement))
    answer = uebench(*GRID, "--plugin", rogue)
    assert answer.code == 1
    failed, computed = answer.json
    assert (failed["status"], computed["status"]) == ("failed", "computed")
    assert failed["reason"].startswith(complaint)


def test_show_keeps_the_traceback_with_the_line_of_the_plugin(uebench: Command, rogue: Path) -> None:
    rogue.write_text(ROGUE.format(statement="raise ValueError('the reason')"))
    uebench(*GRID, "--plugin", rogue)
    failures = uebench("status", "--json").json["failed"]
    assert len(failures) == 2  # the protected set, and the attack that needed it
    shown = uebench("show", failures[0]["key"][:12]).out
    assert "Traceback" in shown and "rogue.py" in shown and "deep()" in shown and "the reason" in shown


@pytest.mark.parametrize("statement", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_plugin_that_ends_its_process_fails_its_cell_alone(tmp_path: Path, rogue: Path, statement: str) -> None:
    rogue.write_text(ROGUE.format(statement=statement))
    answer = run(tmp_path / "results", *GRID, "--plugin", str(rogue), "--jobs", "1", executor="processes")
    assert answer.returncode == 1
    failed, computed = json.loads(answer.stdout)
    assert (failed["status"], computed["status"]) == ("failed", "computed")
    assert "its process" in failed["reason"]
    assert "Traceback" not in answer.stderr
