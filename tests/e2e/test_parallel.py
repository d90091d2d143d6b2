"""Several processes on one grid: the same records as one process, and no cell computed twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY
from tests.e2e.test_processes import run

GRID = [
    "run", "--preset", "smoke", "--data", TINY, "--plugin", "docs/example_plugin.py", "--method", "stripes",
    "--method", "lsp", "--attacker", "resnet18", "--attacker", "resnet18+mixup", "--json",
]  # fmt: skip


def test_two_processes_make_the_records_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the last bits of a sum depend on the number of threads
    answers = []
    for jobs in ("1", "2"):
        answer = run(tmp_path / jobs, *GRID, "--jobs", jobs)
        assert answer.returncode == 0, answer.stderr
        answers.append([told(cell) for cell in json.loads(answer.stdout)])
    assert answers[0] == answers[1]
    assert len(list((tmp_path / "2" / "blobs").glob("??/*.safetensors"))) == 2
    again = run(tmp_path / "2", *GRID, "--jobs", "2")
    assert "4 of 4 already done" in again.stderr


def told(cell: dict[str, Any]) -> object:
    record = cell["record"]
    return [cell["status"], *(record[name] for name in ("key", "written", "counts", "curve", "audit"))]


def test_a_cell_that_fails_in_a_process_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        (ROOT / "docs" / "example_plugin.py").read_text().replace("return ", "raise ValueError('no') or ")
    )
    grid = [str(broken) if word == "docs/example_plugin.py" else word for word in GRID]
    answer = run(tmp_path / "results", *grid, "--jobs", "2")
    assert answer.returncode == 1
    assert [cell["status"] for cell in json.loads(answer.stdout)] == ["failed", "failed", "computed", "computed"]
    assert "ValueError" in answer.stderr
