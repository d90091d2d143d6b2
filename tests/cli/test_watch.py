"""``uebench status --watch`` and ``uebench run --collect``: what others compute, seen from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
from rich.console import Console

from tests.conftest import ENDLESS, QUICK, ROOT, TINY, Command
from tests.e2e.test_processes import command
from tests.executors.test_failures import GRID, doing
from tests.records import made_up
from uebench.api.progress import look
from uebench.cli.shared import status_output
from uebench.store.gc import gc
from uebench.store.record import Failure
from uebench.store.store import Store

ONE, TWO, THREE = (made_up("lsp", seed=seed) for seed in range(3))
KEYS = [record.key for record in (ONE, TWO, THREE)]
ATTACKER = ("--attacker", QUICK)
INTERRUPTED = "uebench: interrupted; run the same command again to resume"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    store.cells.write(ONE)
    return store


def failure(key: str) -> Failure:
    return Failure(key=key, title="lsp vs resnet18", kind="CellError", message="diverged")


def test_a_watch_counts_what_a_run_was_asked_for(store: Store) -> None:
    store.cells.write(made_up("ue"))  # of another run, long ago
    with store.requests.hold(KEYS) as request, store.claims.claim(TWO.key, "two"):
        work = look(store)
        assert str(work) == "1 done, 1 running, 0 failed, 1 to do"
        store.work.write_failure(failure(THREE.key))
        work = look(store)
        assert str(work) == "1 done, 1 running, 1 failed, 0 to do" and not work.is_over
        request.done()
    work = look(store)
    assert str(work) == "2 done, 0 running, 1 failed, 0 to do" and work.is_over


def test_what_failed_before_a_run_began_is_to_do_again(store: Store) -> None:
    store.work.write_failure(failure(TWO.key))
    os.utime(store.work.failure_path(TWO.key), (1, 1))
    with store.requests.hold(KEYS):
        assert str(look(store)) == "1 done, 0 running, 0 failed, 2 to do"


def test_the_request_of_a_killed_run_stays_until_it_is_done_or_tidied(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.requests.hold(KEYS):
        assert gc(store) == []
        raise KeyboardInterrupt
    assert look(store).to_do == 2
    with store.requests.hold(KEYS) as request:
        request.done()
    assert store.requests.unfinished() == []
    with store.requests.hold(KEYS):
        pass
    assert [one.reason for one in gc(store, delete=True)] == ["of a run that ended"]
    assert store.requests.unfinished() == []
    assert gc(store) == []


def test_a_forced_run_counts_what_it_has_made_itself(store: Store) -> None:
    os.utime(store.cells.path(ONE.key), (1, 1))
    with store.requests.hold(KEYS, force=True):
        store.cells.write(TWO)
        assert str(look(store)) == "1 done, 0 running, 0 failed, 2 to do"


def test_the_watch_ends_when_nothing_is_left(uebench: Command, store: Store) -> None:
    answer = uebench("status", "--watch")
    assert (answer.code, answer.out, answer.err) == (0, "1 done, 0 running, 0 failed, 0 to do\n", "")
    store.work.write_failure(failure(TWO.key))
    answer = uebench("status", "--watch", "1")
    assert answer.code == 1
    assert answer.out.splitlines()[0] == f"failed: {TWO.key[:12]}  lsp vs resnet18: diverged"
    assert "no such folder" in uebench("status", "--watch", "--results", "absent").complaint
    assert uebench("status", "--watch", "0").code == 2
    answer = uebench("status", "--watch", "--json")
    assert "leave out --stale, --plugin and --json" in answer.refusal(2)


def computing(store: Store) -> Generator[None, None, None]:
    """Compute the other two cells, a step at a time: each is claimed in one step and finished in the next."""
    with store.requests.hold(KEYS) as request:
        for record in (TWO, THREE):
            with store.claims.claim(record.key, f"cell {record.seed}"):
                yield
                yield  # nothing has changed
                store.cells.write(record)
        request.done()


@pytest.fixture
def slept(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Begin to compute, and go a step further whenever the watch sleeps; return for how many seconds it slept."""
    steps, slept = computing(store), list[float]()
    next(steps)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        next(steps, None)

    monkeypatch.setattr(status_output, "time", Mock(wraps=time, sleep=sleep))
    yield slept
    steps.close()


def test_without_a_terminal_there_is_a_line_for_each_change(uebench: Command, slept: list[float]) -> None:
    answer = uebench("status", "--watch", "0.1")
    assert answer.code == 0
    started, *lines = (line for line in answer.out.splitlines() if not line.startswith("running: cell 2: "))
    assert started.startswith("running: cell 1: ") and f", process {os.getpid()}, since 20" in started
    assert lines == [
        "1 done, 1 running, 0 failed, 1 to do",
        "2 done, 1 running, 0 failed, 0 to do",
        "3 done, 0 running, 0 failed, 0 to do",
    ]
    assert len(answer.out.splitlines()) == 5
    assert slept == [0.1] * 4


def test_on_a_terminal_it_is_shown_in_place(store: Store, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(force_terminal=True, record=True, width=120, markup=False, emoji=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(status_output, "Console", lambda **_: terminal)
    store.work.write_failure(failure("ef" + "0" * 62).model_copy(update={"message": "\x1b[31m[bold]"}))
    work = status_output.watch(store, 0.05)
    assert work.is_over
    assert slept == [0.05] * 4
    shown = terminal.export_text()
    assert "cell 1" in shown and f"process {os.getpid()}" in shown
    assert r"lsp vs resnet18: \x1b[31m[bold]" in shown
    assert "3 done, 0 running, 1 failed, 0 to do" in shown


class Watched(NamedTuple):
    """A run in training and another process that watched it, until Ctrl-C ended both.

    Attributes:
        run: The number of the process that ran.
        seen: What the other saw first.
        said: What each wrote to stderr then.
        codes: Their exit codes.
    """

    run: int
    seen: str
    said: tuple[str, str]
    codes: tuple[int, int]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = str(tmp_path_factory.mktemp("watched"))
    env = os.environ | {"UEBENCH_RESULTS": folder, "UEBENCH_EXECUTOR": "serial", "PYTHONUNBUFFERED": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    grid = ["run", "--preset", "smoke", "--data", TINY, "--method", "clean", "--attacker", ENDLESS]
    with subprocess.Popen(command(*grid), cwd=ROOT, **pipes) as running:
        assert running.stderr
        assert any("training" in line for line in running.stderr)
        with subprocess.Popen(command("status", "--watch", "0.1"), cwd=ROOT, **pipes) as watching:
            assert watching.stdout
            seen = watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            _, told = watching.communicate()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    return Watched(running.pid, seen, (said, told), (running.returncode, watching.returncode))


def test_another_process_sees_what_a_run_computes(watched: Watched) -> None:
    assert watched.seen.startswith("running: synthetic3: clean") and f"process {watched.run}" in watched.seen


def test_ctrl_c_ends_a_run_and_a_watch_with_one_line_and_130(watched: Watched) -> None:
    assert watched.codes == (130, 130)
    assert all(said.endswith(f"{INTERRUPTED}\n") and "Traceback" not in said for said in watched.said)
    assert watched.said[1] == f"{INTERRUPTED}\n"


def test_collect_computes_nothing_and_shows_what_there_is(tiny_run: Command, tmp_path: Path) -> None:
    one = tiny_run("--method", "lsp", *ATTACKER)
    grid = ("--method", "lsp", "--method", "random", *ATTACKER)
    answer = tiny_run(*grid, "--collect")
    assert answer.code == 0
    assert answer.out == one.out
    assert "1 of 2 cells are done; uebench status --watch follows the others" in answer.err
    assert [cell["status"] for cell in tiny_run(*grid, "--collect", "--json").json] == ["done", "left"]
    assert len(list((tmp_path / "results").glob("cells/??/*.json"))) == 1


def test_collect_says_what_failed(uebench: Command, tmp_path: Path) -> None:
    rogue = doing("raise ValueError('no')", tmp_path / "rogue.py")
    grid = [*GRID[:7], *GRID[9:], "--plugin", str(rogue)]
    assert uebench(*grid).code == 1
    answer = uebench(*grid, "--collect")
    assert answer.code == 1
    assert "ValueError in rogue.py:6: no" in answer.json[0]["reason"]
