"""A cell that fails costs itself only, whatever its plugin does, and the exit code says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import QUICK, TINY, Command
from tests.e2e.test_processes import run
from tests.plugin_files import plugin_file

GRID = (
    "run", "--preset", "smoke", "--data", TINY, "--method", "rogue", "--method", "lsp",
    "--attacker", QUICK, "--json",
)  # fmt: skip


def doing(statement: str, file: Path) -> Path:
    """Write a method that does something in line 6 and changes no image, and return its file."""
    deep = f"import os, sys\n\ndef deep():\n    {statement}"
    return plugin_file(file, "def perturb(self, batch, ctx):\n    deep()\n    return batch.images", before=deep)


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("raise AssertionError('no')", "AssertionError in rogue.py:6: no"),
        ("raise ImportError('no')", "ImportError in rogue.py:6: no"),
        ("raise MemoryError", "MemoryError in rogue.py:6"),
        ("raise Exception('no')", "Exception in rogue.py:6: no"),
        ("raise GeneratorExit", "GeneratorExit in rogue.py:6"),
        ("import asyncio; raise asyncio.CancelledError('no')", "CancelledError in rogue.py:6: no"),
        ("raise BaseException('no')", "BaseException in rogue.py:6: no"),
        ("raise ValueError('x' * 10**5)", "ValueError in rogue.py:6: " + "x" * 300 + "..."),
        ("sys.exit(0)", "ended the process in rogue.py:6"),
        ("import torch; torch.zeros(2) @ torch.zeros(3)", "RuntimeError in rogue.py:6"),
    ],
)
def test_an_exception_of_any_kind_fails_its_cell_alone(
    uebench: Command, tmp_path: Path, statement: str, complaint: str
) -> None:
    rogue = doing(statement, tmp_path / "rogue.py")
    answer = uebench(*GRID, "--plugin", rogue)
    assert answer.code == 1
    failed, computed = answer.json
    assert (failed["status"], computed["status"]) == ("failed", "computed")
    assert failed["reason"].startswith(complaint)


def test_a_failure_whose_record_a_plugin_deletes_has_a_reason_all_the_same(uebench: Command, tmp_path: Path) -> None:
    rogue, work = doing("raise ValueError('no')", tmp_path / "rogue.py"), tmp_path / "results" / "work"
    thief = doing(f"import shutil; shutil.rmtree({str(work)!r})", tmp_path / "thief.py")
    answer = uebench(*GRID, "--method", "thief", "--plugin", rogue, "--plugin", thief)
    first, *others = answer.json
    assert (answer.code, first["status"]) == (1, "failed")
    assert first["reason"].startswith("the record of its failure was deleted during the run")
    assert [other["status"] for other in others] == ["computed", "computed"]


def test_show_keeps_the_traceback_with_the_line_of_the_plugin(uebench: Command, tmp_path: Path) -> None:
    rogue = doing("raise ValueError('the reason')", tmp_path / "rogue.py")
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
        grid += ["--plugin", str(doing(statement, folder / f"{name}.py")), "--method", name]
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
