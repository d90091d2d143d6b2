"""Computes tasks as jobs of a Slurm cluster whose machines share the results folder. submitit submits the jobs.

Jobs that are ready at about the same time form a job array.

A job that Slurm stops, for its time limit or by preemption, is queued again and resumes from its checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError, UsageError
from uebench.evaluation.failures import died
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses, run_graph
from uebench.executors.performer import Answer, Performer, outcome, packed, refused
from uebench.planning.tasks import Task, TaskStatus
from uebench.progress import ProgressFor, guarded
from uebench.store.store import Store

if TYPE_CHECKING:
    from uebench.executors.choice import SlurmOptions

GATHERING = 0.5
"""Seconds for which a job waits for others that form an array with it."""
REQUEUES = 100
"""How often a job that reached its time limit is queued again; submitit alone stops at the fourth time."""


def slurm(
    tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor, options: SlurmOptions
) -> Statuses:
    """Compute each task as a job; see ``Executor``.

    Raises:
        UsageError: If submitit is not installed, or jobs cannot be submitted from here.
    """
    store = Store(settings.results)
    arrays = Arrays(_queue(store, options))
    submitted: list[Any] = []

    def perform(task: Task) -> TaskStatus:
        import submitit

        show = guarded(progress(task.spec.title))
        try:
            job = arrays.submit(_Job(settings, packed(task)))
        except CellError as error:
            return refused(error, task, store)
        submitted.append(job)
        show(0, 1, f"submitted as job {job.job_id}")
        try:
            status = outcome(job.result(), task, store)
        except (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError):
            store.write_failure(died(task))
            status = "failed"
        show(1, 1, "ended")
        return status

    def submit(task: Task) -> Future[TaskStatus]:
        return threads.submit(perform, task)

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return run_graph(tasks, submit, store, jobs, settings.limit)
        finally:  # at the time limit, too
            threads.shutdown(wait=False, cancel_futures=True)
            arrays.close()
            for job in submitted:
                if not job.done():
                    job.cancel()


class Arrays:
    """Submits jobs that are ready at about the same time as one array, which spares the scheduler.

    Threads call ``submit``; a thread of its own gathers what they submit.
    """

    def __init__(self, queue: Any) -> None:  # noqa: ANN401
        """Start the thread.

        Args:
            queue: An executor of submitit.
        """
        self._queue = queue
        self._waiting: SimpleQueue[tuple[Callable[[], Answer], Future[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[], Answer]) -> Any:  # noqa: ANN401
        """Return the job that calls a function; errors of the submission are raised here."""
        job: Future[Any] = Future()
        self._waiting.put((function, job))
        return job.result()

    def close(self) -> None:
        """Submit what waits, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while first := self._waiting.get():
            time.sleep(GATHERING)
            gathered = [first]
            while not self._waiting.empty():
                if (waiting := self._waiting.get()) is None:
                    self._waiting.put(None)  # for the loop, after this array
                    break
                gathered.append(waiting)
            try:
                with self._queue.batch():
                    jobs = [self._queue.submit(function) for function, _ in gathered]
            except Exception as error:
                for _, job in gathered:
                    job.set_exception(error)
            else:
                for (_, job), submitted in zip(gathered, jobs, strict=True):
                    job.set_result(submitted)


def _queue(store: Store, options: SlurmOptions) -> Any:  # noqa: ANN401
    try:
        import submitit
    except ImportError:
        raise UsageError("executor 'slurm': not installed; pip install 'uebench[slurm]'") from None
    try:
        queue = submitit.AutoExecutor(
            store.work / "slurm", options.cluster, slurm_max_num_timeout=REQUEUES, local_max_num_timeout=REQUEUES
        )
    except RuntimeError as error:
        raise UsageError(f"executor 'slurm': {error}; submit from a machine that has sbatch") from None
    parameters = {
        "name": "uebench", "timeout_min": options.minutes, "cpus_per_task": options.cpus,
        "gpus_per_node": options.gpus or None, "mem_gb": options.memory, "slurm_partition": options.partition,
        "slurm_account": options.account,
    }  # fmt: skip
    queue.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
    return queue


class _Job:
    """The function that a job calls, with its arguments; submitit pickles it."""

    def __init__(self, settings: Settings, content: bytes) -> None:
        self._settings, self._content = settings, content

    def __call__(self) -> Answer:
        return Performer(self._settings).answer(self._content)

    def checkpoint(self) -> Any:  # noqa: ANN401
        """Return the job to queue when Slurm stops this one: the same, as its checkpoint is in the store."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
