"""What reaches the terminal: nothing of users or plugins acts on it, and an output that fails is one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from tests.conftest import ROOT, Command
from tests.records import made_up
from uebench.cli.shared import output
from uebench.cli.shared.terminal import visible
from uebench.store.store import Store

HOSTILE = "\x1b[31m[bold]:smile:[/b]\u202e"
SHOWN = r"\x1b[31m[bold]:smile:[/b]\u202e"
PLAN = ("--method", "random", "--attacker", "resnet18", "--preset", "smoke", "--dry-run")


def test_control_characters_are_shown_and_lines_and_letters_kept() -> None:
    assert visible(f"{HOSTILE}\r\x9b\x7f") == rf"{SHOWN}\r\x9b\x7f"
    assert visible("Zoë\t\U0001f600\n") == "Zoë\t\U0001f600\n"


def test_a_name_is_shown_as_it_is_in_tables_lines_and_errors(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path
) -> None:
    root = photos({"a": 3, "b": 3}, name=HOSTILE.replace("/", ""))
    shown = SHOWN.replace("/", "")
    assert shown in uebench("run", *PLAN, "--data", root).out
    assert shown in uebench("data", "verify", root).out
    (root / "a" / "0.png").write_text("no photograph")
    assert shown in uebench("run", *PLAN, "--data", root).complaint


def test_the_names_of_results_folders_are_shown_as_they_are(uebench: Command, tmp_path: Path) -> None:
    name, shown = HOSTILE.replace("/", ""), SHOWN.replace("/", "")
    mine, other = Store(tmp_path / name), Store(tmp_path / f"other{name}")
    finished, damaged = made_up("clean"), made_up("lsp")
    mine.cells.write(finished)
    mine.work.write_checkpoint(finished.key, "train", b"weights")
    for store in (mine, other):
        store.cells.write(damaged)
        store.cells.path(damaged.key).write_text("{}")
    for words in (("verify",), ("gc",), ("merge", other.root)):
        out = uebench("store", *words, "--results", mine.root).out
        assert shown in out
        assert "\x1b" not in out and "\u202e" not in out


def test_a_progress_bar_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with output.progress_bars() as progress:
        progress(HOSTILE)(1, 3, HOSTILE)
    assert SHOWN in stream.getvalue() and "\u202e" not in stream.getvalue()


def test_the_head_of_a_table_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(HOSTILE, box=None)
    table.add_row("1")
    output.print_table(table)
    assert SHOWN in capsys.readouterr().out


def test_a_note_is_one_line_whatever_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("failed: two\nlines\r\nof a plugin")
    assert capsys.readouterr().err == "uebench: failed: two lines of a plugin\n"


def _uebench(*args: str, stdout: int | io.BufferedWriter, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "UEBENCH_RESULTS": "/nowhere"} | variables
    command = [sys.executable, "-P", "-m", "uebench", *args]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, cwd=ROOT, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("args", [("list",), ("--version",), ("-h",), ("run", *PLAN, "--data", "synthetic")])
def test_a_full_disk_behind_the_output_is_one_line(args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        answer = _uebench(*args, stdout=full)
    assert answer.returncode == 4
    assert answer.stderr == b"uebench: the output cannot be written (no space left on device)\n"


def test_an_output_that_nobody_reads_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        answer = _uebench("list", stdout=closed)
    assert (answer.returncode, answer.stderr) == (1, b"")


def test_a_terminal_of_ascii_shows_other_letters_as_escapes(photos: Callable[..., Path]) -> None:
    root = photos({"a": 3, "b": 3}, name="Zoë")
    answer = _uebench("run", *PLAN, "--data", str(root), stdout=subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert answer.returncode == 0
    assert rb"Zo\xeb" in answer.stdout


def test_an_error_of_the_system_that_nobody_foresaw_is_one_line(
    uebench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "photo.png")

    monkeypatch.setattr("uebench.plugins.registry.Registry.__init__", fail)
    answer = uebench("list")
    assert (answer.code, answer.complaint) == (4, "uebench: photo.png: cannot be used (permission denied)")
