"""The executors by name, with their options: ``ray(address=auto, gpus=0.25)``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from uebench.errors import UsageError, nearest, text_of
from uebench.evaluation.hardware import suitable_jobs, suitable_threads
from uebench.executors.base import Executor
from uebench.plugins.spec import parse
from uebench.plugins.validation import validate

CLUSTER_JOBS = 100
"""The default number of tasks that wait or run on a cluster at once."""


class Options(BaseModel):
    """Options of an executor on this machine; some executors have none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def jobs(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return the number of tasks of a request that are computed at once.

        Args:
            planned: The number of cells in the request, including finished ones.
            asked: The number that the user asked for; 0 for the executor's default.
            device: See ``choose_device``.
            free: Bytes of free GPU memory, or None if unknown.
        """
        return asked or suitable_jobs(planned, device, free)

    def threads(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return the number of threads per task; 0 for torch's default. For the arguments, see ``jobs``."""
        return suitable_threads(self.jobs(planned, asked, device, free))


class SerialOptions(Options):
    """Options of ``serial``, of which there are none: one task at a time, with the threads of the calling process."""

    def jobs(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return 1."""
        return 1

    def threads(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return 0, which leaves torch as it is."""
        return 0


class ClusterOptions(Options):
    """Resources of a task on a cluster.

    Attributes:
        cpus: CPU cores per task, and so its number of threads.
        gpus: GPUs per task.
    """

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0, ge=0)

    def jobs(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return the number that the user asked for, or 100."""
        return asked or CLUSTER_JOBS

    def threads(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return the number of CPU cores per task."""
        return self.cpus


class RayOptions(ClusterOptions):
    """Options of ``ray``.

    Attributes:
        address: Address of the cluster for ``ray.init``; ``auto`` for this machine's cluster; None to start one here.
        gpus: GPUs per task; 0.25 puts four tasks on a GPU.
    """

    address: str | None = None


class SlurmOptions(ClusterOptions):
    """Options of ``slurm``.

    Attributes:
        gpus: GPUs per task.
        partition: The partition for the jobs; None for the cluster's default.
        account: The account that the jobs are charged to; None for the user's default.
        minutes: Time limit of a job. A job that reaches it is queued again and resumes.
        memory: GiB of memory per job; None for the cluster's default.
        cluster: ``slurm``, or ``local`` to test with processes on this machine.
    """

    gpus: int = Field(0, ge=0)
    partition: str | None = None
    account: str | None = None
    minutes: int = Field(240, ge=1)
    memory: int | None = Field(None, ge=1)
    cluster: Literal["slurm", "local"] = "slurm"


class IsolatedOptions(Options):
    """Options of ``isolated``.

    Attributes:
        memory: GiB of address space per task; None for no limit. torch alone takes about 4.
        minutes: Time limit of a task; None for no limit.
    """

    memory: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)


EXECUTORS: dict[str, type[Options]] = {
    "processes": Options,
    "isolated": IsolatedOptions,
    "serial": SerialOptions,
    "ray": RayOptions,
    "slurm": SlurmOptions,
}
"""``processes``: several tasks at once, in other processes; ``isolated``: each task in a new process, with limits;
``serial``: one after the other, in the calling process; ``ray`` and ``slurm``: on many machines."""


@dataclass(frozen=True)
class ChosenExecutor:
    """An executor with its options."""

    name: str
    options: Options

    @property
    def function(self) -> Executor:
        """Return the function that computes tasks."""
        function: Any = getattr(importlib.import_module(f"uebench.executors.{self.name}"), self.name)
        executor: Executor = partial(function, options=self.options) if type(self.options).model_fields else function
        return executor

    @property
    def is_cluster(self) -> bool:
        """Return whether other machines may compute the tasks."""
        return isinstance(self.options, ClusterOptions)

    @property
    def gpus(self) -> float | None:
        """Return the number of GPUs that a task gets on a cluster; None if the tasks run on this machine."""
        return self.options.gpus if isinstance(self.options, ClusterOptions) else None


def choose(text: str) -> ChosenExecutor:
    """Return the executor that ``name`` or ``name(option=value)`` stands for.

    Raises:
        UsageError: If the executor or an option is unknown, or a value is invalid.
    """
    spec = parse(text_of(text, "executor"))
    if spec.name not in EXECUTORS:
        raise UsageError(f"executor {spec.name!r}: unknown; {nearest(spec.name, EXECUTORS)}")
    options: Options = validate(EXECUTORS[spec.name], dict(spec.options), f"executor {spec.name}")
    return ChosenExecutor(spec.name, options)
