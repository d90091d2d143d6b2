"""The executors by name, and what each can be told: ``ray(address=auto, gpus=0.25)``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from uebench.errors import UsageError, nearest
from uebench.evaluation.hardware import suitable_jobs, suitable_threads
from uebench.executors.base import Executor
from uebench.plugins.registry import validate
from uebench.plugins.spec import parse


class Options(BaseModel):
    """What an executor can be told; most have nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterOptions(Options):
    """What a task takes on a cluster.

    Attributes:
        cpus: CPU cores of a task, which are its threads.
        gpus: GPUs of a task.
    """

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0, ge=0)


class RayOptions(ClusterOptions):
    """Options of ``ray``.

    Attributes:
        address: Of the cluster, as ``ray.init`` takes it; ``auto`` for the one of this machine; None to start one here.
        gpus: GPUs of a task; 0.25 puts four tasks on one.
    """

    address: str | None = None


class SlurmOptions(ClusterOptions):
    """Options of ``slurm``.

    Attributes:
        gpus: GPUs of a task.
        partition: Where the jobs go; the cluster's default if None.
        account: Whom they are charged to.
        minutes: How long a job may take. One that is stopped then is queued again, and resumes.
        memory: GiB of a job; the cluster's default if None.
        cluster: ``slurm``, or ``local`` to try the same with processes on this machine.
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
        memory: GiB of a task's address space; None for no limit. torch alone takes about 4.
        minutes: How long a task may take; None for no limit.
    """

    memory: float | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)


EXECUTORS: dict[str, type[Options]] = {
    "processes": Options, "isolated": IsolatedOptions, "serial": Options, "ray": RayOptions, "slurm": SlurmOptions,
}  # fmt: skip
"""``processes``: several tasks at once, in other processes; ``isolated``: each in a process of its own, with limits;
``serial``: one after the other, in the caller's; ``ray`` and ``slurm``: on many machines."""


CLUSTER_JOBS = 100
"""Tasks that wait or run on a cluster at once, unless the user says otherwise."""


@dataclass(frozen=True)
class Chosen:
    """An executor with its options."""

    name: str
    options: Options

    @property
    def function(self) -> Executor:
        """Return what computes tasks."""
        function: Any = getattr(importlib.import_module(f"uebench.executors.{self.name}"), self.name)
        found: Executor = partial(function, options=self.options) if type(self.options) is not Options else function
        return found

    def jobs_for(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return how many tasks of a request are computed at once.

        Args:
            planned: The cells of the request, finished or not.
            asked: What the user asked for; 0 leaves it to the executor.
            device: As ``choose_device`` takes it.
            free: Bytes of a GPU's memory that nobody has taken, or None if that is not known.
        """
        if self.name == "serial":
            return 1
        if isinstance(self.options, ClusterOptions):
            return asked or CLUSTER_JOBS
        return asked or suitable_jobs(planned, device, free)

    def threads_for(self, planned: int, asked: int, device: str, free: int | None = None) -> int:
        """Return how many threads each of them has; 0: torch's own choice. The arguments are those of ``jobs_for``."""
        if isinstance(self.options, ClusterOptions):
            return self.options.cpus
        if self.name == "serial":
            return 0
        return suitable_threads(self.jobs_for(planned, asked, device, free))


def choose(text: str) -> Chosen:
    """Read ``name`` or ``name(option=value)``.

    Raises:
        UsageError: If there is no such executor, or it has no such option.
    """
    spec = parse(text)
    if spec.name not in EXECUTORS:
        raise UsageError(f"executor {spec.name!r}: unknown; {nearest(spec.name, EXECUTORS)}")
    options: Options = validate(EXECUTORS[spec.name], dict(spec.options), f"executor {spec.name}")
    return Chosen(spec.name, options)
