"""What every executor does: run the tasks of a plan in an order in which each has what it needs.

An executor is a function ``(tasks, settings, jobs, progress) -> {key: status}``. Results and failures travel through
the store; only keys and statuses are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol

from uebench.evaluation.failures import passed_on
from uebench.evaluation.settings import Settings
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor
from uebench.store.store import Store

Statuses = Mapping[str, TaskStatus]


class Executor(Protocol):
    """Computes tasks."""

    def __call__(self, tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor) -> Statuses:
        """Compute ``tasks``.

        Args:
            tasks: What to compute; a task comes after the one that it needs.
            settings: How.
            jobs: How many at once.
            progress: Where the progress of each goes.

        Returns:
            What became of each task, by key.

        Raises:
            StoreError: If the store cannot be used.
        """


def run_graph(tasks: Sequence[Task], submit: Callable[[Task], Future[TaskStatus]], store: Store) -> Statuses:
    """Submit each task as soon as the one that it needs has ended.

    Args:
        tasks: What to compute.
        submit: Starts a task, and returns its future at once.
        store: Where the failure of a protected set is written for the attacks that needed it, too.
    """
    statuses: dict[str, TaskStatus] = {}
    waiting: dict[str, list[Task]] = {}
    running: dict[Future[TaskStatus], Task] = {}
    for task in tasks:
        if task.needs:
            waiting.setdefault(task.needs, []).append(task)
        else:
            running[submit(task)] = task
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            statuses[task.key] = future.result()
            for next_one in waiting.pop(task.key, ()):
                if statuses[task.key] != "failed":
                    running[submit(next_one)] = next_one
                    continue
                statuses[next_one.key] = "failed"
                if failure := store.read_failure(task.key):
                    store.write_failure(passed_on(failure, next_one))
    return statuses
