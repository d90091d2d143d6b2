"""Several processes on one machine, each computing whole tasks into the same store.

A killed process loses nothing: what it had under way is in its checkpoints. A task whose process dies is a failed
task; the others go to a new process.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from uebench.errors import StoreError
from uebench.evaluation.failures import died
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, guarded
from uebench.store.store import Store


def processes(tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor) -> Statuses:
    """Compute tasks as ``Executor`` says, each in one of ``jobs`` processes."""
    store = Store(settings.results)
    workers = [_Worker(settings, store, progress) for _ in range(jobs)]
    idle = list(workers)

    def perform(task: Task) -> TaskStatus:
        worker = idle.pop()  # there is one for each thread
        try:
            return worker.perform(task)
        finally:
            idle.append(worker)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return run_graph(tasks, lambda task: threads.submit(perform, task), store)
        except BaseException:  # an interrupt, a full disk, an output that nobody reads any more
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.kill()
            raise
        finally:
            for worker in workers:
                worker.close()


class _Worker:
    """A process that computes what it is told, begun when there is something to tell it; see ``worker.py``."""

    def __init__(self, settings: Settings, store: Store, progress: ProgressFor) -> None:
        self._settings, self._store, self._progress = settings, store, progress
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def perform(self, task: Task) -> TaskStatus:
        """Let the process compute a task.

        Raises:
            UebenchError: If the store or the device cannot be used.
        """
        process = self._started()
        show = guarded(self._progress(task.spec.title))
        try:
            self._send(process, task)
            while True:
                kind, *content = self._receive(process)
                match kind:
                    case "progress":
                        show(*content)
                    case "status":
                        return content[0]  # type: ignore[no-any-return]
                    case "error":
                        raise content[0]
        except (EOFError, OSError, pickle.UnpicklingError):
            code = process.wait()
            self._process = None
            if not self._closed:
                self._store.write_failure(died(task, code))
            return "failed"

    def kill(self) -> None:
        """End the process now, and begin no other."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.terminate()

    def close(self) -> None:
        """Let the process end, and wait for it."""
        with self._lock:
            self._closed = True
            if self._process is None:
                return
            assert self._process.stdin and self._process.stdout
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._process is None and not self._closed:
                paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "uebench.executors.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=os.environ | {"PYTHONPATH": paths},
                )
                self._send(self._process, self._settings)
            if self._process is None:
                raise StoreError("the run is being stopped")
            return self._process

    @staticmethod
    def _send(process: subprocess.Popen[bytes], content: object) -> None:
        assert process.stdin
        pickle.dump(content, process.stdin)
        process.stdin.flush()

    @staticmethod
    def _receive(process: subprocess.Popen[bytes]) -> Any:  # noqa: ANN401
        assert process.stdout
        return pickle.load(process.stdout)
