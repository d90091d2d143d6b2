"""Both ends of passing a task to another process: computing it there, and reading the answer here.

Results and failures go into the store; only the status of the task is sent back.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Literal

from uebench import lazy
from uebench.errors import CellError, UebenchError
from uebench.evaluation.failures import failure_of
from uebench.evaluation.settings import Settings
from uebench.evaluation.stopping import Stop
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, silent
from uebench.store.store import Store

if TYPE_CHECKING:
    from uebench.evaluation.runner import Runner

Answer = tuple[Literal["status", "refused", "error"], Any]
"""``status`` with the task's status, ``refused`` with the error of unpickling it, or ``error``, which ends the run."""


def packed(task: Task) -> bytes:
    """Return a task as a pickle.

    Tasks are sent as bytes, so that the code that passes them on need not import their plugins.

    Raises:
        CellError: If the task cannot be pickled.
    """
    try:
        return pickle.dumps(task)
    except Exception as error:
        raise CellError(f"its options cannot be passed to another process: {error!r}") from error


class Performer:
    """Computes tasks that come from another process."""

    def __init__(self, settings: Settings, progress: ProgressFor = silent, stop: Stop | None = None) -> None:
        """Set the arguments of ``Runner``; torch is imported when the first task is computed."""
        self._settings, self._progress, self._stop = settings, progress, stop
        self._runner: Runner | None = None

    def answer(self, content: bytes) -> Answer:
        """Compute a task that ``packed`` pickled."""
        try:
            lazy.load()
            from uebench.evaluation.runner import Runner
        except ModuleNotFoundError as error:
            return "error", UebenchError(f"{error} on the machine of a task; install uebench there")
        except (ImportError, MemoryError, OSError) as error:
            return "error", UebenchError(f"torch cannot be loaded ({error or 'out of memory'}); allow more memory")
        try:
            task = _unpacked(content)
        except UebenchError as error:
            return "refused", error
        try:
            self._runner = self._runner or Runner(self._settings, self._progress, self._stop)
            return "status", self._runner.perform(task)
        except UebenchError as error:  # of the store or the device: other tasks would fail too
            return "error", error


def outcome(answer: Answer, task: Task, store: Store) -> TaskStatus:
    """Return the status of a task from the answer of another process.

    Raises:
        UebenchError: If the store or the device cannot be used.
    """
    kind, value = answer
    if kind == "error":
        raise value
    return refused(value, task, store) if kind == "refused" else value


def refused(error: UebenchError, task: Task, store: Store) -> TaskStatus:
    """Record that a task could not be passed to another process, and return its status."""
    store.work.write_failure(failure_of(error, task))
    return "failed"


def _unpacked(content: bytes) -> Task:
    """Unpickle a task, which imports its plugins.

    Raises:
        UebenchError: If this fails, for example because a plugin's file was edited after planning.
    """
    try:
        task: Task = pickle.loads(content)
    except UebenchError:
        raise
    except Exception as error:
        raise CellError(f"its plugins cannot be made again in another process: {error!r}") from error
    return task
