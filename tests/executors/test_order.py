"""In which order tasks are submitted, whatever executor computes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import TINY
from uebench.executors.base import run_graph
from uebench.planning.grid import Grid, Planner
from uebench.planning.tasks import Task, TaskStatus
from uebench.planning.time_limit import TimeLimit
from uebench.plugins.registry import Registry
from uebench.store.store import Store


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    """Two protected sets with two attacks each."""
    grid = Grid(method=("lsp", "clean"), attacker=("resnet18", "resnet50"), data=(TINY,), preset="smoke")
    store = Store(tmp_path)
    return Planner(Registry(), store).plan(grid).tasks(store)


def submitted(tasks: Sequence[Task], tmp_path: Path, jobs: int) -> tuple[list[int], int]:
    """Run the tasks, each of which ends when there is nothing else to submit; return their order and how many ran."""
    order: list[int] = []
    futures: list[Future[TaskStatus]] = []
    most = 0

    def submit(task: Task) -> Future[TaskStatus]:
        nonlocal most
        order.append(tasks.index(task))
        futures.append(Future())
        running = [future for future in futures if not future.done()]
        most = max(most, len(running))
        if len(running) == jobs or len(order) == len(tasks):
            for future in running:
                future.set_result("computed")
        return futures[-1]

    statuses = run_graph(tasks, submit, Store(tmp_path), jobs)
    assert set(statuses) == {task.key for task in tasks}
    return order, most


def test_a_set_is_attacked_before_the_next_one_is_made(tasks: list[Task], tmp_path: Path) -> None:
    assert submitted(tasks, tmp_path, jobs=1) == ([0, 1, 2, 3, 4, 5], 1)


def test_what_waits_does_not_hold_up_what_does_not(tasks: list[Task], tmp_path: Path) -> None:
    order, most = submitted(tasks, tmp_path, jobs=2)
    assert order[:2] == [0, 3]
    assert order[2:] == [1, 2, 4, 5]
    assert most == 2


def test_what_does_not_fit_is_left_with_all_that_needs_it_and_the_rest_runs(tasks: list[Task], tmp_path: Path) -> None:
    limit = TimeLimit(seconds=100, ends=time.time() + 50)
    order: list[int] = []

    def submit(task: Task) -> Future[TaskStatus]:
        order.append(tasks.index(task))
        return ended("computed")

    tasks = [replace(task, estimate=60 if number in (0, 4) else 1) for number, task in enumerate(tasks)]
    statuses = run_graph(tasks, submit, Store(tmp_path), 1, limit)
    assert order == [3, 5]
    assert [statuses[task.key] for task in tasks] == ["left", "left", "left", "computed", "left", "computed"]


def test_after_a_task_that_was_stopped_nothing_starts(tasks: list[Task], tmp_path: Path) -> None:
    answers: list[TaskStatus] = ["computed", "left"]
    statuses = run_graph(tasks, lambda _: ended(answers.pop(0)), Store(tmp_path), 1)
    assert list(statuses.values()) == ["computed", *["left"] * 5]


def test_at_the_limit_nobody_waits_for_what_still_runs(tasks: list[Task], tmp_path: Path) -> None:
    limit = TimeLimit(seconds=0.1, ends=time.time() + 0.1)
    statuses = run_graph(tasks, lambda _: Future(), Store(tmp_path), 1, limit)
    assert set(statuses.values()) == {"left"}


def ended(status: TaskStatus) -> Future[TaskStatus]:
    future: Future[TaskStatus] = Future()
    future.set_result(status)
    return future
