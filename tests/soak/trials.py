"""What a results folder has to survive; each trial raises ``AssertionError`` if it does not."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

import torch

import uebench
from tests.conftest import ROOT
from uebench.api import results_folder
from uebench.api.audit import audit_in
from uebench.api.compute import Compute
from uebench.api.workspace import Workspace
from uebench.store.merge import CIRCUMSTANCES
from uebench.store.store import Store

PLUGIN = Path(__file__).with_name("cells.py")
METHODS = ("clean", "soak_pattern", "soak_pattern(eps=4/255)")
ATTACKERS = ("soak_means", "soak_means(epochs=8)")
DATA = "synthetic(identities=3, train=6, test=4)"
FORK = multiprocessing.get_context("fork")
"""A process that has imported torch already begins to compute at once."""

State = dict[str, tuple[int, int]]
"""Inode and time of each record by its key: a record that is written once keeps them."""


def compute(results: Path, seeds: int) -> list[str]:
    """Run the grid in this process and return what became of its cells."""
    made = uebench.run(
        METHODS, ATTACKERS, data=DATA, seed=range(seeds), preset="smoke", results=results, plugins=[PLUGIN],
        executor="serial",
    )  # fmt: skip
    return [cell.status for cell in made.cells]


def repair(results: Path, seeds: int) -> None:
    """Run the grid, and make the protected sets again that no cell needed."""
    assert set(compute(results, seeds)) <= {"done", "computed"}
    workspace = Workspace.of(results, [PLUGIN], use_cache=False)
    audit_in(workspace, workspace.planner.protections(METHODS, [DATA], "smoke"), Compute(executor="serial"))


def in_process(results: Path, seeds: int) -> BaseProcess:
    """Run the grid in a process of its own; the statuses go into a file beside the results, named by its number."""
    process = FORK.Process(target=_report, args=(results, seeds))
    process.start()
    return process


def _report(results: Path, seeds: int) -> None:
    results.with_name(f"{results.name}.{os.getpid()}").write_text(json.dumps(compute(results, seeds)))


def statuses(results: Path, process: BaseProcess) -> list[str]:
    """Return what ``in_process`` came to."""
    process.join()
    assert process.exitcode == 0
    found: list[str] = json.loads(results.with_name(f"{results.name}.{process.pid}").read_text())
    return found


def measured(results: Path) -> dict[str, Any]:
    """Return all that a results folder says, but for times and origins."""
    store, found = Store(results), dict[str, Any]()
    for path in store.cells.files() + store.protections.files():
        record = json.loads(path.read_text())
        for name in (*CIRCUMSTANCES, "digest"):
            record.pop(name, None)
        found[f"{path.parent.parent.name} {path.stem}"] = record
    for path in store.sets.files():
        protected = store.sets.read(path.stem)
        assert protected
        found[f"blobs {path.stem}"] = protected.delta.tobytes(), protected.meta.audit
    return found


def state(results: Path) -> State:
    """Return which records of cells there are."""
    return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in Store(results).cells.files()}


def check(results: Path, expected: dict[str, Any]) -> None:
    """Check that a folder holds what an undisturbed run makes, is sound, and keeps nothing that is of no use."""
    assert measured(results) == expected
    assert results_folder.verify(results).faults == []
    results_folder.gc(results, delete=True)
    assert results_folder.gc(results) == []
    assert [path for path in results.rglob("*") if path.is_file() and "work" in path.relative_to(results).parts] == []
    assert not list(results.rglob(".new-*"))


@dataclass
class Trials:
    """Trials on one reference.

    Attributes:
        root: A folder of their own.
        rng: What decides when and where they strike.
        seeds: Attacker seeds of the grid, which has six cells for each.
        counts: How often they have struck.
    """

    root: Path
    rng: Random
    seeds: int = 3
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("kills", "flips", "runs"), 0))

    def __post_init__(self) -> None:
        """Make the reference; what that imports, the processes that are forked later need not."""
        self._cells = len(METHODS) * len(ATTACKERS) * self.seeds
        torch.set_num_threads(1)  # a process that has several must not fork
        compute(self.root / "imports", 1)
        reference = self.root / "reference"
        began = time.monotonic()
        assert compute(reference, self.seeds) == ["computed"] * self._cells
        self._seconds = time.monotonic() - began
        self._expected = measured(reference)
        check(reference, self._expected)

    def kills(self) -> None:
        """Let two processes compute, kill one or both at some moment, and again, until every cell is there."""
        with self._folder() as results:
            seen: State = {}
            while len(seen) < self._cells:
                processes = [in_process(results, self.seeds) for _ in range(2)]
                time.sleep(self.rng.uniform(0.0, self._seconds / 8))
                for process in processes[: self.rng.choice((1, 2))]:
                    process.kill()
                    self.counts["kills"] += 1
                for process in processes:
                    process.join()
                    assert process.exitcode in (0, -signal.SIGKILL)
                now = state(results)
                assert {key: now.get(key) for key in seen} == seen, "a finished cell was computed again"
                seen = now
            self._finish(results)

    def kills_of_commands(self) -> None:
        """Do the same to ``uebench run`` with two processes of its own: either it or one of these is killed."""
        with self._folder() as results:
            code = -signal.SIGKILL
            while code != 0:
                code = self._killed_command(results)
            self._finish(results)

    def flips(self, files: int = 6) -> None:
        """Flip a bit in some files: each is found, none is believed, and the grid is whole again after a run."""
        with self._folder() as results:
            assert statuses(results, in_process(results, self.seeds)) == ["computed"] * self._cells
            store = Store(results)
            there = [path for shelf in (store.cells, store.protections, store.sets) for path in shelf.files()]
            for path in self.rng.sample(there, files):
                content = bytearray(path.read_bytes())
                place = self.rng.randrange(len(content))
                content[place] ^= 1 << self.rng.randrange(8)
                path.write_bytes(content)
                self.counts["flips"] += 1
                faults = [fault for fault in results_folder.verify(results).faults if fault.startswith(f"{path}:")]
                assert faults, f"{path.parent.parent.name}: the flip at byte {place} was not found"
            mender = FORK.Process(target=repair, args=(results, self.seeds))
            mender.start()
            mender.join()
            assert mender.exitcode == 0
            check(results, self._expected)

    def crowd(self, runs: int = 3) -> None:
        """Let several runs work on one folder at once: each cell is computed by one of them."""
        with self._folder() as results:
            processes = [in_process(results, self.seeds) for _ in range(runs)]
            found = [statuses(results, process) for process in processes]
            self.counts["runs"] += runs
            once = ["computed", *["done"] * (runs - 1)]
            assert [sorted(of_cell) for of_cell in zip(*found, strict=True)] == [once] * self._cells
            check(results, self._expected)

    def _finish(self, results: Path) -> None:
        assert statuses(results, in_process(results, self.seeds)) == ["done"] * self._cells
        check(results, self._expected)

    def _killed_command(self, results: Path) -> int:
        """Run the grid as a command in a session of its own; return its exit code when all of its processes ended."""
        words = [sys.executable, "-m", "uebench", "run", "--plugin", str(PLUGIN), "--preset", "smoke", "--data", DATA]
        words += [word for text in METHODS for word in ("--method", text)]
        words += [word for text in ATTACKERS for word in ("--attacker", text)]
        words += ["--seed", f"0-{self.seeds - 1}", "--jobs", "2", "--results", str(results)]
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
        ) as command:
            enough = len(state(results)) + self.rng.randint(
                1, self._cells // 2
            )  # what starts slowly gets somewhere, too
            while command.poll() is None and len(state(results)) < enough:
                time.sleep(0.01)
            family = _session(command.pid)
            if command.returncode is None and family:
                with suppress(ProcessLookupError):
                    os.kill(self.rng.choice(family), signal.SIGKILL)
                self.counts["kills"] += 1
            code = command.wait(timeout=120)
        patience = time.monotonic() + 30
        while orphans := _session(command.pid):
            assert time.monotonic() < patience, f"orphans: {orphans}"
            time.sleep(0.1)
        assert code in (0, 1, -signal.SIGKILL)  # 1: the cell of a killed process failed
        return code

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Yield a new results folder; it is kept if the trial fails."""
        results = self.root / f"trial{sum(self.counts.values())}"
        yield results
        subprocess.run(["rm", "-r", str(results)], check=True)


def _session(leader: int) -> list[int]:
    """Return the processes of a session, as Linux lists them; zombies are none."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            kind, _, _, session, *_ = stat.read_text().rpartition(")")[2].split()
            if int(session) == leader and kind != "Z":
                found.append(int(stat.parent.name))
    return found
