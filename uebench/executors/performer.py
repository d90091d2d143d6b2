"""Both ends of handing a task to another process: it is computed there, and its answer is understood here.

Results and failures go into the store; only a word on what became of the task travels.
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
"""``status`` with what became of the task, ``refused`` with why it cannot be read, or ``error`` that ends the run."""


def packed(task: Task) -> bytes:
    """Return a task as a pickle.

    Tasks travel as pickles inside of what is sent, so that whoever passes them on need not import their plugins.

    Raises:
        CellError: If it cannot be pickled.
    """
    try:
        return pickle.dumps(task)
    except Exception as error:
        raise CellError(f"its options cannot be passed to another process: {error!r}") from error


class Performer:
    """Computes tasks that come from another process."""

    def __init__(self, settings: Settings, progress: ProgressFor = silent, stop: Stop | None = None) -> None:
        """Take what every task needs to know; torch is imported with the first one."""
        self._settings, self._progress, self._stop = settings, progress, stop
        self._runner: Runner | None = None

    def answer(self, content: bytes) -> Answer:
        """Compute a task that ``packed`` wrote."""
        lazy.load()
        from uebench.evaluation.runner import Runner

        try:
            task = _unpacked(content)
        except UebenchError as error:
            return "refused", error
        try:
            self._runner = self._runner or Runner(self._settings, self._progress, self._stop)
            return "status", self._runner.perform(task)
        except UebenchError as error:  # of the store or the device: no other task would fare better
            return "error", error


def outcome(answer: Answer, task: Task, store: Store) -> TaskStatus:
    """Return what became of a task, as another process answered.

    Raises:
        UebenchError: If the store or the device cannot be used.
    """
    kind, value = answer
    if kind == "error":
        raise value
    return refused(value, task, store) if kind == "refused" else value


def refused(error: UebenchError, task: Task, store: Store) -> TaskStatus:
    """Record that a task could not be handed over."""
    store.write_failure(failure_of(error, task))
    return "failed"


def _unpacked(content: bytes) -> Task:
    """Return a task, whose plugins are imported by that.

    Raises:
        UebenchError: If this fails: the file of a plugin was edited after the plan was made, say.
    """
    try:
        task: Task = pickle.loads(content)
    except UebenchError:
        raise
    except Exception as error:
        raise CellError(f"its plugins cannot be made again in another process: {error!r}") from error
    return task
