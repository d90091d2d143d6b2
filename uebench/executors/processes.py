"""Computes tasks in several processes on one machine, each of which writes into the same store.

A killed process resumes from its last checkpoint. A process that is told to stop loses nothing if it reaches its next
checkpoint in time. If the process of a task dies, this task fails, and a new process computes the others.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from uebench.errors import CellError, StoreError, UebenchError, in_words
from uebench.evaluation.failures import died, too_long
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.executors.confinement import MARK, Confinement, kill_marked
from uebench.executors.import_path import import_path
from uebench.executors.performer import outcome, packed, refused
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, guarded
from uebench.store.store import Store

GRACE = 10.0
"""Seconds before a process is killed that does not end: after its last task, because a plugin left something running,
or when the run is stopped, because the next checkpoint is too far."""


def processes(
    tasks: Sequence[Task],
    settings: Settings,
    jobs: int,
    progress: ProgressFor,
    confinement: Confinement | None = None,
    minutes: float | None = None,
) -> Statuses:
    """Compute tasks in ``jobs`` processes; see ``Executor``.

    Args:
        tasks: See ``Executor``.
        settings: See ``Executor``.
        jobs: See ``Executor``.
        progress: See ``Executor``.
        confinement: The limits of the processes. With limits, a process computes one task and is then ended together
            with its child processes.
        minutes: Time limit of a task; None for no limit.
    """
    store = Store(settings.results)
    workers = [_Worker(settings, store, progress, confinement, minutes) for _ in range(jobs)]
    idle = list(workers)

    def perform(task: Task) -> TaskStatus:
        worker = idle.pop()  # there is one per thread
        try:
            return worker.perform(task)
        finally:
            idle.append(worker)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return run_graph(tasks, lambda task: threads.submit(perform, task), store, jobs, settings.limit)
        finally:  # also after an interrupt, a full disk, or a closed output
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.stop()
            with contextlib.ExitStack() as closing:
                for worker in workers:
                    closing.callback(worker.close, time.monotonic() + GRACE)


class _Worker:
    """A process that computes tasks, started for the first one; see ``worker.py``."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        progress: ProgressFor,
        confinement: Confinement | None,
        minutes: float | None,
    ) -> None:
        self._settings, self._store, self._progress = settings, store, progress
        self._confinement, self._minutes = confinement, minutes
        self._mark = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None
        self._is_at_work = False
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def perform(self, task: Task) -> TaskStatus:
        """Compute a task in the process.

        Raises:
            UebenchError: If the store or the device cannot be used, or no process can be started.
        """
        try:
            content = packed(task)
        except CellError as error:
            return refused(error, task, self._store)
        process = self._ensure_started()
        try:
            return self._await_answer(task, content, process)
        finally:
            self._is_at_work = False
            if self._confinement:
                self.close(time.monotonic() + GRACE)

    def _await_answer(self, task: Task, content: bytes, process: subprocess.Popen[bytes]) -> TaskStatus:
        show = guarded(self._progress(task.spec.title))
        with _killed_after(self._minutes, process) as is_late:
            for kind, *answer in _answers(process, content):
                if kind != "progress":
                    return outcome((kind, *answer), task, self._store)
                show(*answer)
        return self._record_death(task, process, is_late=is_late.is_set())

    def stop(self) -> None:
        """Start no other process, and tell a process that computes a task to end at its next checkpoint."""
        with self._lock:
            self._closing.set()
            if self._process and self._is_at_work:
                self._process.terminate()

    def close(self, give_up: float) -> None:
        """Wait until ``give_up``, on the monotonic clock, for the process to end; then kill it."""
        with self._lock:
            process, self._process = self._process, None
        if process:
            self._end(process, give_up)

    def _end(self, process: subprocess.Popen[bytes], give_up: float) -> int:
        code = _wait_or_kill(process, give_up, is_at_work=self._is_at_work)
        if self._confinement:  # it leads a process group, and its child processes may still run
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            kill_marked(self._mark)
        return code

    def _record_death(self, task: Task, process: subprocess.Popen[bytes], *, is_late: bool) -> TaskStatus:
        """Record that the process died during a task; the next task starts a new process."""
        self._is_at_work = False
        code = self._end(process, time.monotonic() + GRACE)
        with self._lock:
            if self._process is process:
                self._process = None
        # A batch system sends SIGTERM to all processes: the worker may get it before this process does
        if self._closing.wait(1.0 if code == -signal.SIGTERM else 0.0):
            return "left"
        self._store.work.write_failure(too_long(task, self._minutes) if is_late and self._minutes else died(task, code))
        return "failed"

    def _ensure_started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closing.is_set():
                raise StoreError("the run is being stopped")
            if self._process is None:
                self._process = _start(self._mark if self._confinement else None)
                with contextlib.suppress(OSError):  # it has died already, which the first task will report
                    _send(self._process, (self._settings, self._confinement))
            self._is_at_work = True
            return self._process


@contextlib.contextmanager
def _killed_after(minutes: float | None, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill a process if the block takes longer; the event tells whether this happened."""
    is_late = threading.Event()

    def kill() -> None:
        is_late.set()
        process.kill()

    timer = threading.Timer(60 * minutes, kill) if minutes else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield is_late
    finally:
        if timer:
            timer.cancel()


def _start(mark: str | None = None) -> subprocess.Popen[bytes]:
    """Start a worker process with the import path of this process.

    With a mark, it leads a process group, and ``kill_marked`` finds its child processes.

    Without ``-P``, it would import modules from the working directory first, where a file may be called ``copy.py``.
    """
    try:
        with _no_interrupt():
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "uebench.executors.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": import_path()} | ({MARK: mark} if mark else {}),
                process_group=0 if mark else None,
            )
    except OSError as error:
        raise UebenchError(f"no process can be started ({in_words(error)}); use fewer jobs") from None


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Block SIGINT while a process is started, which unblocks it once it ignores it.

    A terminal sends Ctrl-C to all processes.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _answers(process: subprocess.Popen[bytes], content: bytes) -> Iterator[tuple[Any, ...]]:
    """Send a task to a process, and yield its answers until it closes its output."""
    assert process.stdout
    with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
        _send(process, content)
        while True:
            yield pickle.load(process.stdout)


def _send(process: subprocess.Popen[bytes], content: object) -> None:
    assert process.stdin
    pickle.dump(content, process.stdin)
    process.stdin.flush()


def _wait_or_kill(process: subprocess.Popen[bytes], give_up: float, *, is_at_work: bool) -> int:
    """Wait for a process to end, kill it if it does not, and return its exit code.

    Args:
        process: The process.
        give_up: When to kill it, on the monotonic clock.
        is_at_work: Whether it computes a task and was told to stop. Its stdin then stays open, because a worker whose
            stdin is closed during a task ends at once, before its next checkpoint.
    """
    assert process.stdin and process.stdout
    try:
        if not is_at_work:
            with contextlib.suppress(OSError):
                process.stdin.close()
        process.wait(max(0.0, give_up - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:  # also after a second interrupt
        process.kill()
        code = process.wait()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
    return code
