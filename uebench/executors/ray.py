"""Computes tasks on a Ray cluster of one machine, or of many machines that share the results folder.

Ray runs each task where enough CPUs and GPUs are free. If the process of a task dies, only this task fails.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError, UsageError, in_words
from uebench.evaluation.failures import died
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.executors.import_path import import_path
from uebench.executors.performer import Answer, Performer, outcome, packed, refused
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, guarded
from uebench.store.store import Store

if TYPE_CHECKING:
    from uebench.executors.choice import RayOptions


def ray(tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor, options: RayOptions) -> Statuses:
    """Compute tasks as Ray tasks; see ``Executor``.

    Raises:
        UsageError: If Ray is not installed, or there is no cluster at the address.
    """
    cluster, connected_here = _connect(options.address)
    store = Store(settings.results)
    remote = cluster.remote(num_cpus=options.cpus, num_gpus=options.gpus, max_retries=0)(_perform)

    running: set[Any] = set()

    def submit(task: Task) -> Future[TaskStatus]:
        done: Future[TaskStatus] = Future()
        show = guarded(progress(task.spec.title))
        try:
            reference = remote.remote(settings, packed(task), str(Path.cwd()))
        except CellError as error:
            done.set_result(refused(error, task, store))
            return done

        def settle(answer: Future[Answer]) -> None:
            if reference not in running:  # cancelled below, which is no failure of its own
                return
            running.discard(reference)
            try:
                status = _status(cluster, answer, task, store)
                show(1, 1, "ended")
                done.set_result(status)
            except BaseException as error:
                done.set_exception(error)

        running.add(reference)
        show(0, 1, "handed to the cluster")
        reference.future().add_done_callback(settle)
        return done

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Ray prints the output of its processes
            return run_graph(tasks, submit, store, jobs, settings.limit)
    finally:
        cancelled = list(running)  # after an interrupt, or at the time limit
        running.clear()
        for reference in cancelled:
            cluster.cancel(reference, force=True)
        if connected_here:
            cluster.shutdown()


def _connect(address: str | None) -> tuple[Any, bool]:
    """Return Ray's module, connected to a cluster, and whether this function connected it."""
    try:
        import ray as cluster
    except ImportError:
        raise UsageError("executor 'ray': not installed; pip install 'uebench[ray]'") from None
    if cluster.is_initialized():
        return cluster, False
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        cluster.init(
            address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": import_path()}},
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        what = f"no cluster at address {address!r}" if address else "no cluster can be started"
        raise UsageError(f"executor 'ray': {what} ({' '.join(str(error).split())[:200]})") from None
    if on_termination is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_termination)  # Ray's own handler prints a stack
    return cluster, True


def _status(cluster: Any, answer: Future[Answer], task: Task, store: Store) -> TaskStatus:  # noqa: ANN401
    try:
        return outcome(answer.result(), task, store)
    except cluster.exceptions.RayError:
        store.work.write_failure(died(task))
        return "failed"


@cache
def _performer(settings: Settings) -> Performer:
    """Return the performer of this process, which Ray uses for many tasks."""
    return Performer(settings)


def _perform(settings: Settings, content: bytes, folder: str) -> Answer:
    """Compute a task in the working directory of the run, from which its paths may lead; Ray's own is another."""
    try:
        os.chdir(folder)
    except OSError as error:
        return "error", UsageError(f"executor 'ray': {folder}: not on every machine of the cluster ({in_words(error)})")
    return _performer(settings).answer(content)
