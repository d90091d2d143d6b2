"""Several processes on one machine, each computing whole tasks into the same store.

A killed process loses little: what it had under way is in its checkpoints. One that is told to stop loses nothing if it
gets to its next checkpoint in time. A task whose process dies is a failed task; the others go to a new process.
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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from uebench.errors import CellError, StoreError, UebenchError, in_words
from uebench.evaluation.failures import died, too_long
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.executors.confinement import Confinement
from uebench.executors.performer import outcome, packed, refused
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, guarded
from uebench.store.store import Store

GRACE = 10.0
"""Seconds that a process has to end in: after its last task, whatever a plugin left running in it; or, when the run is
stopped, at the next checkpoint of its task."""


def processes(
    tasks: Sequence[Task],
    settings: Settings,
    jobs: int,
    progress: ProgressFor,
    confinement: Confinement | None = None,
    minutes: float | None = None,
) -> Statuses:
    """Compute tasks as ``Executor`` says, each in one of ``jobs`` processes.

    Args:
        tasks: As ``Executor`` has them.
        settings: As ``Executor`` has them.
        jobs: As ``Executor`` has it.
        progress: As ``Executor`` has it.
        confinement: What the processes give up. Each computes one task then, and ends with all that it started.
        minutes: How long a task may take; None for no limit.
    """
    store = Store(settings.results)
    workers = [_Worker(settings, store, progress, confinement, minutes) for _ in range(jobs)]
    idle = list(workers)

    def perform(task: Task) -> TaskStatus:
        worker = idle.pop()  # there is one for each thread
        try:
            return worker.perform(task)
        finally:
            idle.append(worker)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return run_graph(tasks, lambda task: threads.submit(perform, task), store, jobs, settings.limit)
        finally:  # also after an interrupt, a full disk, an output that nobody reads any more
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.stop()
            with contextlib.ExitStack() as closing:
                for worker in workers:
                    closing.callback(worker.close, time.monotonic() + GRACE)


class _Worker:
    """A process that computes what it is told, begun when there is something to tell it; see ``worker.py``."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        progress: ProgressFor,
        confinement: Confinement | None = None,
        minutes: float | None = None,
    ) -> None:
        self._settings, self._store, self._progress = settings, store, progress
        self._confinement, self._minutes = confinement, minutes
        self._process: subprocess.Popen[bytes] | None = None
        self._is_at_work = False
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def perform(self, task: Task) -> TaskStatus:
        """Let the process compute a task.

        Raises:
            UebenchError: If the store or the device cannot be used, or no process can be started.
        """
        try:
            content = packed(task)
        except CellError as error:
            return refused(error, task, self._store)
        process = self._started()
        try:
            return self._performed(task, content, process)
        finally:
            self._is_at_work = False
            if self._confinement:
                self.close(time.monotonic() + GRACE)

    def _performed(self, task: Task, content: bytes, process: subprocess.Popen[bytes]) -> TaskStatus:
        show = guarded(self._progress(task.spec.title))
        with _killed_after(self._minutes, process) as is_late:
            for kind, *answer in _answers(process, content):
                if kind != "progress":
                    return outcome((kind, *answer), task, self._store)
                show(*answer)
        return self._lost(task, process, is_late=is_late.is_set())

    def stop(self) -> None:
        """Begin no other process, and let one that is at work end at its next checkpoint."""
        with self._lock:
            self._closing.set()
            if self._process and self._is_at_work:
                self._process.terminate()

    def close(self, give_up: float) -> None:
        """Wait for the process to end, until ``give_up`` on the monotonic clock; then end it."""
        with self._lock:
            process, self._process = self._process, None
        if process:
            self._end(process, give_up)

    def _end(self, process: subprocess.Popen[bytes], give_up: float) -> int:
        code = _end(process, give_up, is_at_work=self._is_at_work)
        if self._confinement:  # it leads a group, of which something may be left
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        return code

    def _lost(self, task: Task, process: subprocess.Popen[bytes], *, is_late: bool) -> TaskStatus:
        """Record that the process ended in the middle of a task; the next task begins another."""
        self._is_at_work = False
        code = self._end(process, time.monotonic() + GRACE)
        with self._lock:
            if self._process is process:
                self._process = None
        # A batch system sends SIGTERM to all processes at once: the one that is meant for this process may be under way
        if self._closing.wait(1.0 if code == -signal.SIGTERM else 0.0):
            return "left"
        self._store.write_failure(too_long(task, self._minutes) if is_late and self._minutes else died(task, code))
        return "failed"

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closing.is_set():
                raise StoreError("the run is being stopped")
            if self._process is None:
                self._process = _start(leads_group=self._confinement is not None)
                with contextlib.suppress(OSError):  # it died already: the first task will tell
                    _send(self._process, (self._settings, self._confinement))
            self._is_at_work = True
            return self._process


@contextlib.contextmanager
def _killed_after(minutes: float | None, process: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill a process that takes longer; the event says whether it did."""
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


def _start(*, leads_group: bool = False) -> subprocess.Popen[bytes]:
    """Start a process that imports what this one does.

    Without ``-P`` it would look for modules in the working directory first, where any file may be called ``copy.py``.
    """
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    try:
        with _no_interrupt():
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "uebench.executors.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": paths},
                process_group=0 if leads_group else None,
            )
    except OSError as error:
        raise UebenchError(f"no process can be started ({in_words(error)}); use fewer jobs") from None


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Start a process with SIGINT blocked, until it ignores it: a terminal sends Ctrl-C to all processes."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _answers(process: subprocess.Popen[bytes], content: bytes) -> Iterator[tuple[Any, ...]]:
    """Hand a process a task, and yield its answers for as long as it gives any."""
    assert process.stdout
    with contextlib.suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
        _send(process, content)
        while True:
            yield pickle.load(process.stdout)


def _send(process: subprocess.Popen[bytes], content: object) -> None:
    assert process.stdin
    pickle.dump(content, process.stdin)
    process.stdin.flush()


def _end(process: subprocess.Popen[bytes], give_up: float, *, is_at_work: bool = False) -> int:
    """Let a process end, make it end where it does not, and return its exit code.

    Args:
        process: The process.
        give_up: When to make it end, on the monotonic clock.
        is_at_work: It was told to stop. If its stdin were closed now, it would not wait for its next checkpoint.
    """
    assert process.stdin and process.stdout
    try:
        if not is_at_work:
            with contextlib.suppress(OSError):
                process.stdin.close()
        process.wait(max(0.0, give_up - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:  # a second interrupt does not wait, either
        process.kill()
        code = process.wait()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
    return code
