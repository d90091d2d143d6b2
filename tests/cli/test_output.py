"""What is shown while several processes work, and how text of the user is shown."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress, ProgressColumn
from rich.table import Table

from uebench.api.compute import Compute
from uebench.cli.shared import output
from uebench.cli.shared.plan_output import computed_by
from uebench.planning.grid import Plan


def test_a_bar_that_finished_one_part_of_the_work_shows_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Progress] = []

    class Kept(Progress):
        def __init__(self, *columns: ProgressColumn, **options: Any) -> None:  # noqa: ANN401
            super().__init__(*columns, **options)
            shown.append(self)

    monkeypatch.setattr("rich.progress.Progress", Kept)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.progress_bars() as progress:
        first = progress("first [/x]")
        first(3, 3, "fitting")
        second = progress("second")
        first(1, 5, "protecting")
        second(1, 2, "training")
        (bars,) = shown
        assert [task.description for task in bars.tasks] == ["second: training", "first [/x]: protecting"]


def test_lines_are_shown_of_work_of_unknown_length(capsys: pytest.CaptureFixture[str]) -> None:
    output.lines("mine")(0, 0, "looking")
    assert capsys.readouterr().err == "uebench: mine: looking\n"


def test_a_table_shows_options_in_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("method", box=None)
    table.add_row("mine(places=[eyes, mouth], path=[/x])")
    output.print_table(table)
    assert "mine(places=[eyes, mouth], path=[/x])" in capsys.readouterr().out


@pytest.mark.parametrize(("width", "shows_peak"), [(30, False), (60, True)])
def test_a_narrow_terminal_shows_fewer_columns_and_whole_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, shows_peak: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # so that rich takes the captured stream for a terminal
    monkeypatch.setenv("COLUMNS", str(width))
    table = Table("method", "peak %", "key", box=None)
    table.add_row("segue_restart(weights=none)+jpeg", "60.5", "1af38e8a3fea")
    output.print_table(table, ("peak %",))
    _, *lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert ("60.5" in lines[0]) == shows_peak and "1af38e8a3fea" in lines[0]
    name = "".join(re.split(r"\s{2,}", line.strip())[0] for line in lines)
    assert name == "segue_restart(weights=none)+jpeg"
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        ("serial", "computed in this process, "),
        ("serial()", "computed in this process, "),
        ("processes", "computed by 2 processes, "),
        ("processes()", "computed by 2 processes, "),
        ("isolated(memory=8)", "computed by isolated(memory=8), at most 2 at once, "),
    ],
)
def test_a_plan_says_what_computes_it(executor: str, said: str) -> None:
    assert computed_by(Plan(()), Compute(executor=executor, jobs=2)).startswith(said)


def test_json_has_the_text_of_what_it_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"default": Path("faces")})
    assert json.loads(capsys.readouterr().out) == {"default": "faces"}


def test_a_plan_says_how_many_processes_share_a_gpu_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uebench.cli.shared.plan_output.on_cpu", lambda _: False)
    monkeypatch.setattr(Compute, "jobs_for", lambda *_: 8)
    monkeypatch.setattr(Compute, "threads_for", lambda *_: 2)
    monkeypatch.setattr(Compute, "free_gpu_memory", 75 << 30)
    said = "computed by 8 processes, 2 threads each, on one GPU"
    assert computed_by(Plan(()), Compute()) == f"{said}, which has 75 GiB free"
    monkeypatch.setattr(Compute, "free_gpu_memory", None)
    assert computed_by(Plan(()), Compute(jobs=8)) == said
