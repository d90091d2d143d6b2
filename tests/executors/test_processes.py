"""Several processes on one grid: how many there are, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.conftest import ENDLESS, ROOT, TINY, Command
from tests.e2e.test_processes import command, run
from tests.soak.trials import PLUGIN
from uebench.evaluation import hardware
from uebench.executors import processes
from uebench.executors.serial import serial


def test_by_default_there_is_one_process_per_core_and_never_more_than_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_cores", lambda: 4)
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 16 << 18, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert [hardware.suitable_jobs(cells, "cpu") for cells in (0, 1, 2, 4, 9)] == [1, 1, 2, 4, 4]
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 8 << 18, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert hardware.suitable_jobs(9, "cpu") == 2
    monkeypatch.delattr(os, "sysconf")  # as on Windows: the memory is unknown
    assert hardware.suitable_jobs(9, "cpu") == 4


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plan for four cores and enough memory, and compute in this process, whose number of threads is put back."""
    monkeypatch.setattr(hardware, "available_cores", lambda: 4)
    monkeypatch.setattr(hardware, "usable_memory", lambda: None)
    monkeypatch.setattr(processes, "processes", serial)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_cores")
def test_a_resumed_run_has_the_threads_of_the_whole_request(tiny_run: Command, tmp_path: Path) -> None:
    def threads() -> list[tuple[str, int]]:
        torch.set_num_threads(1)
        grid = ("--method", "clean", "--attacker", "soak_means", "--seed", "0-1", "--plugin", PLUGIN)
        answer = tiny_run(*grid, "--executor", "processes", "--json")
        assert answer.code == 0, answer.err
        return [(cell["status"], cell["record"]["provenance"]["threads"]) for cell in answer.json]

    assert threads() == [("computed", 2)] * 2
    next((tmp_path / "results").glob("cells/??/*.json")).unlink()
    assert sorted(threads()) == [("computed", 2), ("done", 2)]


class Stopped(NamedTuple):
    """What a grid that was stopped has left, with what it said before and after."""

    results: Path
    code: int
    said: list[str]
    rest: list[str]


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


@pytest.mark.parametrize(
    ("sign", "times", "code"),
    [
        (signal.SIGINT, 1, 130),
        (signal.SIGTERM, 1, 130),
        (signal.SIGTERM, 8, 130),  # timeout and make send it more than once
        (signal.SIGKILL, 1, -9),
    ],
)
def test_an_interrupted_grid_ends_at_its_next_checkpoints_with_all_its_processes(
    tmp_path: Path, sign: signal.Signals, times: int, code: int
) -> None:
    grid = ["--method", "clean", "--method", "random", "--method", "random(eps=4/255)", "--attacker", ENDLESS]
    with two_in_training(tmp_path, *grid) as (process, _):
        told = time.time()
        if sign == signal.SIGINT:
            os.killpg(process.pid, sign)  # as a terminal does
        else:
            for _ in range(times):
                process.send_signal(sign)
                time.sleep(0.01)
        started = time.monotonic()
        assert process.stderr is not None
        rest = process.stderr.read().splitlines()  # ends when nobody can write to it any more
    assert time.monotonic() - started < 60
    assert process.returncode == code
    assert not any("Traceback" in line for line in rest)
    if code == 130:
        assert rest[-1] == "uebench: interrupted; run the same command again to resume"
        kept = [file.stat().st_mtime for file in tmp_path.glob("work/*/train.checkpoint")]
        assert len(kept) == 2 and min(kept) > told - 0.1  # a file system's clock is coarse


def test_a_time_limit_ends_a_grid_with_its_own_exit_code_and_fails_no_cell(tmp_path: Path) -> None:
    grid = ["run", "--preset", "smoke", "--data", TINY, "--method", "clean", "--attacker", ENDLESS]
    started = time.monotonic()
    answer = run(tmp_path, *grid, "--time-limit", "6s", executor="processes")
    assert time.monotonic() - started < 6 + processes.GRACE + 30
    assert answer.returncode == 5
    said = answer.stderr.splitlines()
    assert said[-1].startswith("uebench: time limit reached; 1 cell left; resume with: uebench run --preset smoke ")
    assert not list(tmp_path.glob("work/*/failed.json"))
    assert not list(tmp_path.glob("cells/??/*.json"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """Stop a grid of one method and two attackers as a batch system does: all of its processes at once."""
    results = tmp_path_factory.mktemp("stopped")
    grid = ["--method", "random", "--attacker", ENDLESS, "--attacker", f"{ENDLESS}+mixup"]
    with two_in_training(results, *grid) as (process, said):
        os.killpg(process.pid, signal.SIGTERM)
        assert process.stderr is not None
        rest = process.stderr.read().splitlines()
    return Stopped(results, process.returncode, said, rest)


def test_cells_of_one_method_are_computed_side_by_side_once_its_set_is_protected(stopped: Stopped) -> None:
    assert not any("(9999/9999)" in line for line in stopped.said)
    assert len(list(stopped.results.glob("blobs/??/*.safetensors"))) == 1


def test_what_a_batch_system_stops_has_not_failed(stopped: Stopped) -> None:
    assert stopped.code == 130
    assert not any("Traceback" in line for line in stopped.rest)
    assert not list(stopped.results.glob("work/*/failed.json"))
