"""Computes tasks as jobs of a Slurm cluster whose machines share the results folder. submitit submits the jobs.

Jobs that are ready at about the same time form a job array.

A job that Slurm stops, for its time limit or by preemption, is queued again and resumes from its checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Lock
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

    def perform(task: Task) -> TaskStatus:
        import submitit

        show = guarded(progress(task.spec.title))
        try:
            job = arrays.submit(_Job(settings, packed(task)))
        except CellError as error:
            return refused(error, task, store)
        show(0, 1, f"submitted as job {job.job_id}")
        try:
            status = outcome(job.result(), task, store)
        except (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError):
            if not arrays.closed:  # else it was cancelled, and did not fail
                store.work.write_failure(died(task))
            status = "failed"
        show(1, 1, "ended")
        return status

    with ThreadPoolExecutor(jobs) as threads:
        try:
            return run_graph(tasks, lambda task: threads.submit(perform, task), store, jobs, settings.limit)
        finally:  # at the time limit, too
            threads.shutdown(wait=False, cancel_futures=True)
            arrays.close()


class Arrays:
    """Submits jobs that are ready at about the same time as one array, which spares the scheduler.

    Many threads call ``submit``. The first of them waits for others, and then submits for all.
    """

    def __init__(self, queue: Any) -> None:  # noqa: ANN401
        """Begin without jobs.

        Args:
            queue: An executor of submitit.
        """
        self.closed = False
        self._queue = queue
        self._lock = Lock()
        self._waiting: list[tuple[Callable[[], Answer], Future[Any]]] = []
        self._jobs: list[Any] = []

    def submit(self, function: Callable[[], Answer]) -> Any:  # noqa: ANN401
        """Return the job that calls a function.

        Raises:
            CancelledError: After ``close``.
            UsageError: If the cluster refuses the job.
        """
        job: Future[Any] = Future()
        with self._lock:
            if self.closed:
                raise CancelledError
            self._waiting.append((function, job))
            is_first = len(self._waiting) == 1
        if is_first:
            time.sleep(GATHERING)
            with self._lock:
                self._submit_waiting()
        return job.result()

    def close(self) -> None:
        """Submit nothing more, and cancel the jobs that have not ended."""
        with self._lock:
            self.closed = True
            for _, job in self._waiting:
                job.cancel()
            self._waiting = []
        for submitted in self._jobs:
            if not submitted.done():
                submitted.cancel()

    def _submit_waiting(self) -> None:
        gathered, self._waiting = self._waiting, []
        if not gathered:  # closed meanwhile
            return
        try:
            with self._queue.batch():
                jobs = [self._queue.submit(function) for function, _ in gathered]
        except Exception as error:
            refusal = UsageError(f"executor 'slurm': jobs cannot be submitted: {' '.join(str(error).split())}")
            for _, job in gathered:
                job.set_exception(refusal)
            return
        self._jobs += jobs
        for (_, job), submitted in zip(gathered, jobs, strict=True):
            job.set_result(submitted)


def _queue(store: Store, options: SlurmOptions) -> Any:  # noqa: ANN401
    try:
        import submitit
    except ImportError:
        raise UsageError("executor 'slurm': not installed; pip install 'uebench[slurm]'") from None
    try:
        queue = submitit.AutoExecutor(
            store.work.folder / "slurm", options.cluster, slurm_max_num_timeout=REQUEUES, local_max_num_timeout=REQUEUES
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
