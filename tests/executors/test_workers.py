"""A process that computes tasks neither hangs, nor takes others with it, nor computes something other than planned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY
from tests.e2e.test_processes import command, run
from tests.executors.test_processes import two_in_training
from uebench.api.result import RunResult
from uebench.api.run import run as run_grid
from uebench.executors import processes

PLUGIN = """
import sys
from enum import StrEnum
from pydantic import field_validator
from uebench.plugins.base import Budget, Config, Info, Method
{top}
class Sign(StrEnum):
    UP = "up"
    DOWN = "down"

class Options(Config):
    sign: Sign = Sign.UP
    levels: int = 2

    def model_post_init(self, context):
        assert self.sign and self.levels

    @field_validator("levels")
    @classmethod
    def doubled(cls, value):
        return 2 * value

class Mine(Method[Options]):
    name = "mine"
    version = 1
    info = Info(title="shifts all pixels")
    Config = Options
    def budget(self, size):
        return Budget("linf", 64 / 255)
    def perturb(self, batch, ctx):
        {work}
        shift = self.config.levels / 255 * (1 if self.config.sign is Sign.UP else -1)
        return (batch.images + shift).clamp(0, 1)
"""


def attacked(
    tmp_path: Path, method: str | list[str] = "mine", *, top: str = "", work: str = "", **how: object
) -> RunResult:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(top=top, work=work or "pass"))
    return run_grid(
        method, "resnet18(epochs=1)", data=TINY, preset="smoke", results=tmp_path / "results", plugins=[plugin],
        **{"jobs": 1} | how,  # type: ignore[arg-type]
    )  # fmt: skip


def test_options_reach_a_process_as_they_were_planned(tmp_path: Path) -> None:
    (cell,) = attacked(tmp_path, "mine(sign=down, levels=3)").cells
    assert cell.status == "computed", cell.reason
    assert cell.record and cell.record.key == cell.spec.key
    assert cell.record.method.config == {"sign": "down", "levels": 6}
    assert cell.record.audit.max_levels == 6


def test_a_plugin_that_a_process_cannot_import_fails_its_cell_alone(tmp_path: Path) -> None:
    top = "if sys.argv[0].endswith('worker.py'): raise ImportError('not here')"
    broken, sound = attacked(tmp_path, ["mine", "lsp"], top=top).cells
    assert (broken.status, sound.status) == ("failed", "computed")
    assert "mine.py" in broken.reason and "not here" in broken.reason


def test_a_progress_that_fails_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    def full(_: str) -> Any:  # noqa: ANN401
        def show(done: int, total: int, what: str) -> None:
            raise OSError(28, "No space left on device")

        return show

    with pytest.raises(OSError, match="No space left"):
        attacked(tmp_path, progress=full)


def test_a_plugin_that_reads_from_stdin_finds_it_empty(tmp_path: Path) -> None:
    (cell,) = attacked(tmp_path, work="assert sys.stdin.read() == ''").cells
    assert cell.status == "computed", cell.reason


def test_a_thread_that_a_plugin_left_running_does_not_keep_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE", 1.0)
    work = "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()"
    started = time.monotonic()
    (cell,) = attacked(tmp_path, work=work).cells
    assert cell.status == "computed"
    assert time.monotonic() - started < 120


def test_files_in_the_working_directory_do_not_stand_in_for_modules(tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_text("raise ImportError('this is the copy.py of the user')")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(ROOT) for path in sys.path)}
    grid = ["run", "--preset", "smoke", "--data", TINY, "--method", "lsp", "--attacker", "resnet18(epochs=1)", "--json"]
    answer = subprocess.run(
        [sys.executable, "-P", "-m", "uebench", *grid, "--results", "results", "--executor", "processes"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert [cell["status"] for cell in json.loads(answer.stdout)] == ["computed"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds child processes as Linux lists them")
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_ctrl_c_while_processes_start_is_one_line(tmp_path: Path, delay: float) -> None:
    grid = ["run", "--preset", "smoke", "--data", TINY, "--method", "lsp", "--attacker", "resnet18", "--jobs", "1"]
    words = command(*grid, "--results", str(tmp_path), "--executor", "processes")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        while process.poll() is None and not _has_child(process.pid):
            time.sleep(0.005)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert said[-1] == "uebench: interrupted; run the same command again to resume"
    assert not any("Traceback" in line for line in said)
    assert not list(tmp_path.glob("work/*/failed.json"))


def _has_child(parent: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if stat.read_text().rpartition(")")[2].split()[1] == str(parent):
                return True
    return False


def test_what_a_batch_system_stops_has_not_failed(tmp_path: Path) -> None:
    grid = ["--method", "clean", "--method", "lsp", "--attacker", "resnet18(epochs=400)"]
    with two_in_training(tmp_path, *grid) as (process, _):
        os.killpg(process.pid, signal.SIGTERM)
        assert process.stderr is not None
        rest = process.stderr.read().splitlines()
    assert process.returncode == 130
    assert not any("Traceback" in line for line in rest)
    assert not list(tmp_path.glob("work/*/failed.json"))


def test_a_killed_process_leaves_its_failure_and_its_tasks_to_the_next(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN.format(top="", work="import os, signal; os.kill(os.getpid(), signal.SIGTERM)"))
    grid = ["run", "--preset", "smoke", "--data", TINY, "--plugin", str(plugin), "--method", "mine", "--method", "lsp"]
    answer = run(tmp_path, *grid, "--attacker", "resnet18(epochs=1)", "--jobs", "1", "--json", executor="processes")
    assert answer.returncode == 1
    failed, computed = json.loads(answer.stdout)
    assert (failed["status"], computed["status"]) == ("failed", "computed")
    assert "signal 15" in failed["reason"]
