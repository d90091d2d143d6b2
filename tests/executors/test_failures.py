"""A cell that fails costs itself only, whatever its plugin does, and the exit code says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import QUICK, TINY, Command
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
    "run", "--preset", "smoke", "--data", TINY, "--method", "rogue", "--method", "lsp",
    "--attacker", QUICK, "--json",
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
        ("raise GeneratorExit", "GeneratorExit in rogue.py:7"),
        ("import asyncio; raise asyncio.CancelledError('no')", "CancelledError in rogue.py:7: no"),
        ("raise BaseException('no')", "BaseException in rogue.py:7: no"),
        ("raise ValueError('x' * 10**5)", "ValueError in rogue.py:7: " + "x" * 300 + "..."),
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


def test_a_failure_whose_record_a_plugin_deletes_has_a_reason_all_the_same(
    uebench: Command, rogue: Path, tmp_path: Path
) -> None:
    rogue.write_text(ROGUE.format(statement="raise ValueError('no')"))
    thief, work = tmp_path / "thief.py", tmp_path / "results" / "work"
    text = ROGUE.format(statement=f"import shutil; shutil.rmtree({str(work)!r})")
    thief.write_text(text.replace("rogue", "thief").replace("Rogue", "Thief"))
    answer = uebench(*GRID, "--method", "thief", "--plugin", rogue, "--plugin", thief)
    first, *others = answer.json
    assert (answer.code, first["status"]) == (1, "failed")
    assert first["reason"].startswith("the record of its failure was deleted during the run")
    assert [other["status"] for other in others] == ["computed", "computed"]


def test_show_keeps_the_traceback_with_the_line_of_the_plugin(uebench: Command, rogue: Path) -> None:
    rogue.write_text(ROGUE.format(statement="raise ValueError('the reason')"))
    uebench(*GRID, "--plugin", rogue)
    failures = uebench("status", "--json").json["failed"]
    assert len(failures) == 2  # the protected set, and the attack that needed it
    shown = uebench("show", failures[0]["key"][:12]).out
    assert "Traceback" in shown and "rogue.py" in shown and "deep()" in shown and "the reason" in shown


ENDS = {"left": "os._exit(0)", "killed": "os.kill(os.getpid(), 9)", "stopped": "os.kill(os.getpid(), 15)"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Let plugins end their process, one after the other; return what is said, and the cells by method."""
    folder = tmp_path_factory.mktemp("ended")
    grid = ["run", "--preset", "smoke", "--data", TINY, "--attacker", QUICK, "--jobs", "1", "--json"]
    for name, statement in ENDS.items():
        source = ROGUE.replace('"rogue"', f'"{name}"').format(statement=statement)
        (folder / f"{name}.py").write_text(source)
        grid += ["--plugin", str(folder / f"{name}.py"), "--method", name]
    answer = run(folder / "results", *grid, "--method", "random", executor="processes")
    return answer, dict(zip([*ENDS, "random"], json.loads(answer.stdout), strict=True))


@pytest.mark.parametrize(
    ("name", "reason"), [("left", "exit code 0"), ("killed", "signal 9"), ("stopped", "signal 15")]
)
def test_a_plugin_that_ends_its_process_fails_its_cell_with_the_reason(
    ended: tuple[object, dict[str, Any]], name: str, reason: str
) -> None:
    cell = ended[1][name]
    assert cell["status"] == "failed"
    assert "its process" in cell["reason"] and reason in cell["reason"]


def test_a_killed_process_leaves_its_tasks_to_the_next(
    ended: tuple[subprocess.CompletedProcess[str], dict[str, Any]],
) -> None:
    answer, cells = ended
    assert cells["random"]["status"] == "computed"
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
