"""Computes each task in a new process with limits, for plugins by other people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from uebench.errors import UsageError
from uebench.evaluation.hardware import on_cpu
from uebench.evaluation.settings import Settings
from uebench.executors.base import Statuses
from uebench.executors.confinement import Confinement, can_give_up_network
from uebench.executors.processes import processes
from uebench.planning.tasks import Task
from uebench.progress import ProgressFor

if TYPE_CHECKING:
    from uebench.executors.choice import IsolatedOptions


def isolated(
    tasks: Sequence[Task], settings: Settings, jobs: int, progress: ProgressFor, options: IsolatedOptions
) -> Statuses:
    """Compute each task in a new process with limits; see ``Executor``.

    Raises:
        UsageError: If the system cannot limit a process, or if memory is to be limited on a GPU.
        UebenchError: If a process cannot give up the network although this system allows it.
    """
    if not hasattr(os, "fork"):
        raise UsageError("executor 'isolated': this system cannot limit a process; use processes")
    if options.memory and not on_cpu(settings.device):
        raise UsageError("executor 'isolated': memory cannot be limited on a GPU; leave it out, or use the device cpu")
    confinement = Confinement(options.memory, can_give_up_network())
    return processes(tasks, settings, jobs, progress, confinement, options.minutes)
