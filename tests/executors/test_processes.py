"""Several processes on one grid: the same records as one process, and no cell computed twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY
from tests.e2e.test_processes import command, run
from uebench.evaluation import hardware
from uebench.executors import processes

GRID = [
    "run", "--preset", "smoke", "--data", TINY, "--plugin", "docs/example_plugin.py", "--method", "stripes",
    "--method", "lsp", "--attacker", "resnet18", "--attacker", "resnet18+mixup", "--json",
]  # fmt: skip


def test_two_processes_make_the_records_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the last bits of a sum depend on the number of threads
    answers = []
    for jobs in ("1", "2"):
        answer = run(tmp_path / jobs, *GRID, "--jobs", jobs, executor="processes")
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
    answer = run(tmp_path / "results", *grid, "--jobs", "2", executor="processes")
    assert answer.returncode == 1
    assert [cell["status"] for cell in json.loads(answer.stdout)] == ["failed", "failed", "computed", "computed"]
    assert "ValueError" in answer.stderr


def test_by_default_there_is_one_process_per_core_and_never_more_than_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_cores", lambda: 4)
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 16 << 18, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert [hardware.suitable_jobs(cells, "cpu") for cells in (0, 1, 2, 4, 9)] == [1, 1, 2, 4, 4]
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 8 << 18, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert hardware.suitable_jobs(9, "cpu") == 2
    monkeypatch.delattr(os, "sysconf")  # as on Windows: the memory is unknown
    assert hardware.suitable_jobs(9, "cpu") == 4


@contextmanager
def two_in_training(results: Path, *grid: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start a grid in two processes; hand it over with its messages so far when a second cell trains."""
    long = ["run", "--preset", "smoke", "--data", "synthetic(identities=4, train=40)", "--jobs", "2", *grid]
    env = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command(*long, "--results", str(results)),
        env=env, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said, training = [], set()
        for line in process.stderr:
            said.append(line)
            if "training" in line:
                training.add(line.split(":")[2])
            if len(training) == 2:
                break
        yield process, said


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_grid_ends_at_its_next_checkpoints_with_all_its_processes(
    tmp_path: Path, sign: signal.Signals, code: int
) -> None:
    grid = ["--method", "clean", "--method", "lsp", "--method", "random", "--attacker", "resnet18(epochs=400)"]
    with two_in_training(tmp_path, *grid) as (process, _):
        if sign == signal.SIGINT:
            os.killpg(process.pid, sign)  # as a terminal does
        else:
            process.send_signal(sign)
        started = time.monotonic()
        assert process.stderr is not None
        rest = process.stderr.read().splitlines()  # ends when nobody can write to it any more
    assert time.monotonic() - started < 30
    assert process.returncode == code
    assert not any("Traceback" in line for line in rest)
    if code == 130:
        assert rest[-1] == "uebench: interrupted; run the same command again to resume"
        kept = [epochs_of(file) for file in tmp_path.glob("work/*/train.checkpoint")]
        assert (
            len(kept) == 2 and min(kept) > 1
        )  # the first epoch's checkpoint is too young for another, but for the stop


def epochs_of(checkpoint: Path) -> int:
    """The number of epochs that a checkpoint of a training holds."""
    content = checkpoint.read_bytes()[32:]
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return int(json.loads(head["__metadata__"]["uebench"])["step"])


def test_a_time_limit_ends_a_grid_with_its_own_exit_code_and_fails_no_cell(tmp_path: Path) -> None:
    grid = ["run", "--preset", "smoke", "--data", TINY, "--method", "clean", "--attacker", "resnet18(epochs=9999)"]
    started = time.monotonic()
    answer = run(tmp_path, *grid, "--time-limit", "12s", executor="processes")
    assert time.monotonic() - started < 12 + processes.GRACE + 10
    assert answer.returncode == 5
    said = answer.stderr.splitlines()
    assert said[-1].startswith("uebench: the time limit came; 1 cell left; resume with: uebench run --preset smoke ")
    assert not list(tmp_path.glob("work/*/failed.json"))
    assert not list(tmp_path.glob("cells/??/*.json"))


def test_cells_of_one_method_are_computed_side_by_side_once_its_set_is_protected(tmp_path: Path) -> None:
    grid = ["--method", "lsp", "--attacker", "resnet18(epochs=400)", "--attacker", "resnet18(epochs=400)+mixup"]
    with two_in_training(tmp_path, *grid) as (process, said):
        process.terminate()
    assert not any("(400/400)" in line for line in said)
    assert len(list(tmp_path.glob("blobs/??/*.safetensors"))) == 1
