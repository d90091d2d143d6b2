"""The interface of executors, and the scheduling of tasks that they share.

An executor is a function ``(tasks, settings, jobs, progress) -> {key: status}``. Results and failures travel through
the store; only keys and statuses are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from heapq import heappop, heappush
from typing import Protocol

from uebench.evaluation.failures import passed_on
from uebench.evaluation.settings import Settings
from uebench.planning.tasks import Task, TaskStatus
from uebench.planning.time_limit import UNLIMITED, TimeLimit
from uebench.progress import ProgressFor
from uebench.store.store import Store

Statuses = Mapping[str, TaskStatus]


class Executor(Protocol):
    """A function that computes tasks."""

    def __call__(self, tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor) -> Statuses:
        """Compute ``tasks``.

        Args:
            tasks: The tasks; each comes after the one that it needs.
            settings: The settings with which tasks are computed.
            jobs: The number of tasks to compute at once.
            progress: Called with the title of each task; returns the callback for its progress.

        Returns:
            The status of each task, by key; ``left`` if the limit of ``settings`` came first.

        Raises:
            StoreError: If the store cannot be used.
        """


def run_graph(
    tasks: Sequence[Task],
    submit: Callable[[Task], Future[TaskStatus]],
    store: Store,
    jobs: int,
    limit: TimeLimit = UNLIMITED,
) -> Statuses:
    """Run tasks in order, at most ``jobs`` at once, each as soon as the task that it needs is done.

    A protected set is therefore attacked before the next one is made, and a run that is stopped leaves finished cells.

    Args:
        tasks: The tasks; each comes after the one that it needs.
        submit: Starts a task, and returns its future at once.
        store: The store; if a protected set fails, its failure is written there for each attack that needs it.
        jobs: The number of tasks to run at once.
        limit: The time limit. Tasks that would exceed it do not start; those that run when it ends are left running.

    Returns:
        The status of each task, by key.
    """
    statuses: dict[str, TaskStatus] = {}
    waiting: dict[str, list[int]] = {}
    ready: list[int] = []
    running: dict[Future[TaskStatus], Task] = {}
    is_over = False
    for number, task in enumerate(tasks):
        (waiting.setdefault(task.needs, []) if task.needs else ready).append(number)
    while ready or running:
        while ready and len(running) < jobs:
            task = tasks[heappop(ready)]
            if not is_over and limit.allows(task.estimate):
                running[submit(task)] = task
        ended = wait(running, limit.timeout, FIRST_COMPLETED).done
        if not ended:
            break
        for future in ended:
            task = running.pop(future)
            status = statuses[task.key] = future.result()
            if status == "left":
                is_over = True
                continue
            for number in waiting.pop(task.key, ()):
                if status != "failed":
                    heappush(ready, number)
                    continue
                statuses[tasks[number].key] = "failed"
                if failure := store.work.read_failure(task.key):
                    store.work.write_failure(passed_on(failure, tasks[number]))
    return {task.key: statuses.get(task.key, "left") for task in tasks}
