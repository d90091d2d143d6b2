"""A grid in one process, in two, on Ray or as submitit's jobs: the same records, and failures that stay alone."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

import uebench as package
from tests.conftest import QUICK, ROOT, TINY, Command
from tests.e2e.test_processes import run
from uebench.api.compute import Compute, protect_sets_in
from uebench.api.workspace import Workspace
from uebench.errors import UsageError
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses
from uebench.executors.choice import RayOptions, SerialOptions, SlurmOptions
from uebench.executors.ray import _connect, _perform, ray
from uebench.executors.slurm import REQUEUES, Arrays, _queue
from uebench.planning.grid import Grid, Planner
from uebench.planning.tasks import Task
from uebench.planning.time_limit import TimeLimit
from uebench.plugins.registry import Registry
from uebench.store.store import Store

GRID = [
    "run", "--preset", "smoke", "--data", TINY, "--method", "random", "--method", "broken", "--method", "deadly",
    "--attacker", QUICK, "--attacker", f"{QUICK}+mixup", "--json",
]  # fmt: skip
FAULTS = {"broken": "raise ValueError('no')", "deadly": "import os; os._exit(3)"}
TIMED = {"timings", "provenance", "protected_digest"}
CLUSTERS = {"ray": "ray", "slurm": "slurm(cluster=local)"}
Told = tuple[list[object], dict[str, Any]]
"""The cells as the command shows them, and what the store holds."""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a grid of which some cells fail and some end their process."""
    folder, grid = tmp_path_factory.mktemp("plugins"), list(GRID)
    for name, fault in FAULTS.items():
        source = (ROOT / "docs" / "example_plugin.py").read_text().replace('"stripes"', f'"{name}"')
        (folder / f"{name}.py").write_text(source.replace("        phase =", f"        {fault}\n        phase ="))
        grid += ["--plugin", str(folder / f"{name}.py")]
    return grid


@pytest.fixture(scope="module")
def in_two(grid: list[str], tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return what two processes here make of it."""
    return told(tmp_path_factory.mktemp("two"), grid, "processes")


def told(results: Path, grid: list[str], executor: str, jobs: int = 2) -> Told:
    """Compute the grid; return what has no times in it, and of what failed the kinds of the failures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # the last bits of a sum depend on the number of threads
        answer = run(results, *grid, "--jobs", str(jobs), executor=executor)
    assert answer.returncode == 1, answer.stderr
    assert "ValueError" in answer.stderr
    shown = [shown_of(cell) for cell in json.loads(answer.stdout)]
    failures = {failure.key: failure.kind for failure in Store(results).failures()}
    assert sorted(failures.values()) == ["ProcessDied"] * 3 + ["ValueError"] * 3
    assert len(list((results / "blobs").glob("??/*.safetensors"))) == 1
    records = [record for _, record in Store(results).cells if record]
    return shown, failures | {one.key: one.model_dump(exclude=TIMED) for one in records}


def shown_of(cell: dict[str, Any]) -> object:
    record = cell.get("record", {})
    return [cell["status"], *(record.get(name) for name in ("key", "written", "counts", "curve", "audit"))]


def test_two_processes_make_the_records_of_one(tmp_path: Path, grid: list[str], in_two: Told, uebench: Command) -> None:
    assert told(tmp_path, grid, "processes", jobs=1) == in_two
    again = uebench(*grid, "--results", tmp_path, "--dry-run")
    assert [cell["status"] == "done" for cell in again.json] == [True] * 2 + [False] * 4


def test_a_cell_that_fails_in_a_process_does_not_stop_the_others(in_two: Told) -> None:
    assert [cell[0] for cell in in_two[0]] == ["computed"] * 2 + ["failed"] * 4  # type: ignore[index]


@pytest.mark.parametrize("executor", CLUSTERS)
def test_a_cluster_makes_the_records_of_this_machine(
    tmp_path: Path, executor: str, grid: list[str], in_two: Told
) -> None:
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}[executor])
    assert told(tmp_path, grid, CLUSTERS[executor]) == in_two


@pytest.mark.parametrize(
    ("executor", "complaint"),
    [
        ("dask", "executor 'dask': unknown; known: isolated, processes, ray, serial, slurm"),
        ("ray(gpu=1)", "executor ray: unknown option 'gpu'; options: cpus, gpus, address"),
        ("slurm(minutes=0)", "executor slurm: minutes=0 is refused: input should be greater than or equal to 1"),
        ("serial(cpus=1)", "executor serial: unknown option 'cpus'; options: none"),
    ],
)
def test_a_wrong_executor_is_refused(uebench: Command, executor: str, complaint: str) -> None:
    answer = uebench("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--executor", executor)
    assert (answer.code, answer.complaint.startswith(f"uebench: {complaint}")) == (2, True), answer.err


@pytest.mark.parametrize("cluster", ["slurm", "local"])
def test_a_job_that_reaches_its_time_limit_again_and_again_is_queued_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: str
) -> None:
    pytest.importorskip("submitit")
    (tmp_path / "srun").touch(mode=0o755)  # all that submitit asks of a cluster before it submits
    monkeypatch.setenv("PATH", str(tmp_path))
    queue = _queue(Store(tmp_path), SlurmOptions(cluster=cluster))
    assert queue._executor.max_num_timeout == REQUEUES > 50


class Job:
    """A job of the queue below."""

    cancelled = False

    def __init__(self, function: str) -> None:
        self.function = function

    def done(self) -> bool:
        return self.function == "ended"

    def cancel(self) -> None:
        self.cancelled = True


class Queue:
    """Stands for an executor of submitit."""

    def __init__(self, error: Exception | None = None) -> None:
        self.arrays: list[list[Job]] = []
        self.error = error

    @contextmanager
    def batch(self) -> Iterator[None]:
        self.arrays.append([])
        yield
        if self.error:
            raise self.error

    def submit(self, function: str) -> Job:
        self.arrays[-1].append(Job(function))
        return self.arrays[-1][-1]


def test_jobs_that_are_ready_at_the_same_time_form_an_array_and_the_rest_is_cancelled_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("uebench.executors.slurm.GATHERING", 0.3)
    queue, names = Queue(), ["ended", *(f"task {number}" for number in range(20))]
    arrays: Any = Arrays(queue)
    with ThreadPoolExecutor(len(names)) as threads:
        assert [job.function for job in threads.map(arrays.submit, names)] == names
    assert arrays.submit("later").function == "later"
    arrays.close()
    assert [sorted(job.function for job in array) for array in queue.arrays] == [sorted(names), ["later"]]
    assert {job.function for array in queue.arrays for job in array if not job.cancelled} == {"ended"}


def test_a_job_that_waits_for_its_array_is_not_submitted_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uebench.executors.slurm.GATHERING", 0.3)
    queue = Queue()
    arrays: Any = Arrays(queue)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(arrays.submit, name) for name in ("one", "other")]
        time.sleep(0.1)
        arrays.close()
        for submission in waiting:
            with pytest.raises(CancelledError):
                submission.result(timeout=5)
    with pytest.raises(CancelledError):
        arrays.submit("later")
    assert queue.arrays == []


def test_each_job_of_an_array_that_cannot_be_submitted_says_why() -> None:
    arrays: Any = Arrays(Queue(RuntimeError("no such\npartition")))
    with ThreadPoolExecutor(2) as threads:
        for submission in [threads.submit(arrays.submit, name) for name in "ab"]:
            with pytest.raises(UsageError, match="executor 'slurm': jobs cannot be submitted: no such partition"):
                submission.result()


def test_ray_does_not_change_what_a_termination_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False, init=init))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert _connect(None)[1]
        assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_ray_is_told_to_cancel_is_left_and_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = MagicMock(spec_set=["remote", "cancel", "exceptions"])
    cluster.exceptions.RayError = RuntimeError
    endless: Future[Any] = Future()
    cluster.remote().return_value.remote.return_value.future.return_value = endless
    cluster.cancel.side_effect = lambda *_, **__: endless.set_exception(RuntimeError("cancelled"))
    monkeypatch.setattr("uebench.executors.ray._connect", lambda _: (cluster, False))
    store = Store(tmp_path)
    grid = Grid(method=("clean",), attacker=("resnet18",), data=(TINY,), preset="smoke")
    task = Planner(Registry(), store).plan(grid).tasks(store)[0]
    settings = Settings(results=tmp_path, limit=TimeLimit.of(0.1))
    assert ray([task], settings, 1, lambda _: lambda *_: None, RayOptions()) == {task.key: "left"}
    cluster.cancel.assert_called_once()
    assert store.work.read_failure(task.key) is None


def test_a_missing_library_is_named_with_its_extra(uebench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for executor, library in (("ray", "ray"), ("slurm", "submitit")):
        monkeypatch.setitem(sys.modules, library, None)
        answer = uebench("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--executor", executor)
        assert answer.complaint == f"uebench: executor '{executor}': not installed; pip install 'uebench[{executor}]'"


def test_a_machine_without_a_gpu_may_hand_work_to_a_cluster_that_has_some(
    uebench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.evaluation.hardware._has_cuda", lambda: False)
    plan = ["run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--dry-run", "--device", "cuda"]
    assert uebench(*plan).code == 2
    assert uebench(*plan, "--executor", "slurm(gpus=1)").code == 0


def test_a_plan_says_what_computes_it(uebench: Command) -> None:
    plan = ("run", "--method", "lsp", "--attacker", "resnet18", "--data", TINY, "--dry-run", "--executor")
    assert "computed by ray(gpus=0.25), at most 100 at once, 1 thread each" in uebench(*plan, "ray(gpus=0.25)").err


def test_a_folder_that_a_machine_of_the_cluster_lacks_is_named(tmp_path: Path) -> None:
    kind, error = _perform(Settings(results=Path("results")), b"", str(tmp_path / "gone"))
    assert kind == "error"
    assert "gone: not on every machine of the cluster" in str(error)


def test_a_cell_whose_record_is_elsewhere_is_not_called_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(tasks: Sequence[Task], *_: object) -> Statuses:
        return {task.key: "computed" for task in tasks}

    broken = SimpleNamespace(function=lost, options=SerialOptions(), is_cluster=False, gpus=None)
    monkeypatch.setattr("uebench.api.compute.choose", lambda _: broken)
    result = package.run("lsp", "resnet18", data=TINY, preset="smoke", results=tmp_path, executor="serial")
    (cell,) = result.cells
    workspace = Workspace.of(tmp_path, ())
    (made,) = protect_sets_in(workspace, workspace.planner.protections(["lsp"], [TINY], "smoke", 0), Compute())
    for ended in (cell, made):
        reason = f"its record is not in {tmp_path}; another process deleted it"
        assert (ended.status, ended.reason) == ("failed", reason)
