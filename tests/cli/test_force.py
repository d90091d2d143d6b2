"""``--force``: everything is computed again, once, however often the run is interrupted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import TINY, Answer, Command
from tests.soak.trials import PLUGIN, state
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext
from uebench.store.record import Record
from uebench.store.shelf import Shelf
from uebench.store.store import Store

pytestmark = pytest.mark.usefixtures("small_networks")


def forced(uebench: Command, *args: object) -> Answer:
    grid = ("--method", "soak_pattern", "--attacker", "soak_means", "--seed", "0-2", "--plugin", PLUGIN)
    return uebench("run", *grid, "--preset", "smoke", "--data", TINY, "--json", *args)


def statuses(answer: Answer) -> list[str]:
    return [cell["status"] for cell in answer.json]


def test_an_interrupted_forced_run_resumes_and_the_next_one_begins_anew(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    assert statuses(forced(uebench)) == ["computed"] * 3
    before, blobs = state(results), [path.stat().st_ino for path in Store(results).sets.files()]
    write = Shelf.write
    written = list[str]()

    def interrupt(shelf: Shelf[Any], stored: object) -> None:
        if isinstance(stored, Record):
            if len(written) == 2:
                raise KeyboardInterrupt
            written.append(stored.key)
        write(shelf, stored)

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "write", interrupt)
        assert forced(uebench, "--force").code == 130
    assert {key for key, found in state(results).items() if found != before[key]} == set(written)
    assert [path.stat().st_ino for path in Store(results).sets.files()] != blobs
    answer = forced(uebench, "--force", "--time-limit", "1h")
    assert statuses(answer) == ["done", "done", "computed"]
    assert "2 of 3 already done" in answer.err and "--force computes" not in answer.err
    assert "resumes the forced run of 20" in answer.err
    answer = forced(uebench, "--force")
    assert statuses(answer) == ["computed"] * 3
    assert "resumes" not in answer.err


def test_a_forced_run_of_other_code_does_not_resume_one_that_was_interrupted(uebench: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.read_text())

    def run(*args: object) -> Answer:
        grid = ("--method", "soak_pattern", "--attacker", "soak_means", "--seed", "0-2", "--plugin", file)
        return uebench("run", *grid, "--preset", "smoke", "--data", TINY, "--json", *args)

    assert statuses(run()) == ["computed"] * 3
    assert statuses(run("--force", "--time-limit", "0.001s")) == ["left"] * 3
    file.write_text(PLUGIN.read_text().replace("pattern / 2 +", "pattern / 3 +"))
    answer = run("--force")
    assert statuses(answer) == ["computed"] * 3
    assert "resumes" not in answer.err


def test_results_from_the_future_are_computed_again(uebench: Command, tmp_path: Path) -> None:
    forced(uebench)
    store, later = Store(tmp_path / "results"), time.time() + 86400
    for file in [*store.cells.files(), *store.protections.files()]:
        os.utime(file, (later, later))
    answer = forced(uebench, "--force")
    assert statuses(answer) == ["computed"] * 3
    assert "--force computes" not in answer.err


def test_a_forced_run_without_time_says_that_its_cells_are_left(uebench: Command) -> None:
    forced(uebench)
    answer = forced(uebench, "--force", "--time-limit", "0.001s")
    assert (answer.code, statuses(answer)) == (5, ["left"] * 3)
    assert "3 cells left" in answer.err


def test_a_forced_run_does_not_resume_what_was_begun_before(
    tiny_run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.evaluation.checkpoints.EARLY", 0.0)
    grid = ("--method", "clean", "--attacker", "resnet18", "--json")
    (cell,) = tiny_run(*grid).json
    store, record = Store(tmp_path / "results"), cell["record"]

    def begin() -> None:
        store.cells.path(record["key"]).unlink(missing_ok=True)
        kept = Checkpoints(store.work, record["key"], "train", record["provenance"]["sources"])
        ctx = RunContext(torch.device("cpu"), 0, checkpoints=kept)
        ctx.save({"weights": torch.zeros(1)}, 1)  # of another training, so that resuming it fails

    begin()
    resumed = tiny_run(*grid)
    assert resumed.code == 1
    assert "the checkpoint belongs to another training" in resumed.err
    begin()
    assert statuses(tiny_run(*grid, "--force")) == ["computed"]
