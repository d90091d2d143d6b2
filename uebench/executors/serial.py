"""Computes one task after the other in this process, for debuggers and for work that does not repay a new process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import redirect_stdout

from uebench import lazy
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor


def serial(
    tasks: Sequence[Task],
    settings: Settings,
    jobs: int,  # noqa: ARG001 (always one at a time)
    progress: ProgressFor,
) -> Statuses:
    """Compute tasks one at a time; see ``Executor``."""
    lazy.load()
    from uebench.evaluation.runner import Runner

    runner = Runner(settings, progress)

    def submit(task: Task) -> Future[TaskStatus]:
        future: Future[TaskStatus] = Future()
        with redirect_stdout(sys.stderr):  # of a plugin that prints; stdout is for results
            future.set_result(runner.perform(task))
        return future

    return run_graph(tasks, submit, runner.store, jobs=1, limit=settings.limit)
