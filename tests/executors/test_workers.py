"""A process that computes tasks neither hangs, nor takes others with it, nor computes something other than planned."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import QUICK, ROOT, TINY
from tests.e2e.test_processes import command
from tests.plugin_files import plugin_file
from uebench.api.result import CellResult, RunResult
from uebench.api.run import run as run_grid
from uebench.executors import processes

OPTIONS = """
import sys
from enum import StrEnum
from pydantic import field_validator

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
"""
SHIFT = """
def budget(self, size):
    return Budget("linf", 64 / 255)
def perturb(self, batch, ctx):
    {work}
    shift = self.config.levels / 255 * (1 if self.config.sign is Sign.UP else -1)
    return (batch.images + shift).clamp(0, 1)
"""


def written(folder: Path, name: str = "mine", *, top: str = "", work: str = "pass") -> Path:
    """Write a method that shifts all pixels, with statements of its own, and return its file."""
    body, before = SHIFT.format(work=work), f"{OPTIONS}{top}"
    return plugin_file(folder / f"{name}.py", body, options="Options", before=before)


def attacked(folder: Path, methods: list[str], plugins: list[Path], **how: Any) -> RunResult:  # noqa: ANN401
    return run_grid(
        methods, QUICK, data=TINY, preset="smoke", results=folder / "results", plugins=plugins, jobs=1,
        **how,
    )  # fmt: skip


class Made(NamedTuple):
    """What a process made of several methods."""

    cells: dict[str, CellResult]
    seconds: float


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Compute five methods in one process, in a folder with a file that is called like a module of Python's."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "copy.py").write_text("raise ImportError('this is the copy.py of the user')")
    absent = "if sys.argv[0].endswith('worker.py'): raise ImportError('not here')"
    lingering = "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()"
    plugins = {
        "mine(sign=down, levels=3)": written(folder),
        "absent": written(folder, "absent", top=absent),
        "reader": written(folder, "reader", work="assert sys.stdin.read() == ''"),
        "lingering": written(folder, "lingering", work=lingering),
    }
    methods = [*plugins, "random"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(processes, "GRACE", 1.0)
        started = time.monotonic()
        result = attacked(folder, methods, list(plugins.values()))
        return Made(dict(zip(methods, result.cells, strict=True)), time.monotonic() - started)


def test_options_reach_a_process_as_they_were_planned(made: Made) -> None:
    cell = made.cells["mine(sign=down, levels=3)"]
    assert cell.status == "computed", cell.reason
    assert cell.record and cell.record.key == cell.spec.key
    assert cell.record.method.config == {"sign": "down", "levels": 6}
    assert cell.record.audit.max_levels == 6


def test_a_plugin_that_a_process_cannot_import_fails_its_cell_alone(made: Made) -> None:
    broken = made.cells["absent"]
    assert (broken.status, made.cells["random"].status) == ("failed", "computed")
    assert "absent.py" in broken.reason and "not here" in broken.reason


def test_a_plugin_that_reads_from_stdin_finds_it_empty(made: Made) -> None:
    assert made.cells["reader"].status == "computed", made.cells["reader"].reason


def test_a_thread_that_a_plugin_left_running_does_not_keep_a_process(made: Made) -> None:
    assert made.cells["lingering"].status == "computed", made.cells["lingering"].reason
    assert made.seconds < 280


def test_files_in_the_working_directory_do_not_stand_in_for_modules(made: Made) -> None:
    assert made.cells["random"].status == "computed", made.cells["random"].reason


def test_a_progress_that_fails_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    def full(_: str) -> Any:  # noqa: ANN401
        def show(done: int, total: int, what: str) -> None:
            raise OSError(28, "No space left on device")

        return show

    with pytest.raises(OSError, match="No space left"):
        attacked(tmp_path, ["lsp"], [], progress=full)


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
