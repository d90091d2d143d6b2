"""Work in a process of its own, so that no benchmark inherits another's memory, threads or imports."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def fresh(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call a function of a module in a new process and return its answer; what it raises is raised here."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args, **options).result()


@contextmanager
def more_memory() -> Iterator[Callable[[], float | None]]:
    """Measure how much more memory this process needs in a block than it held before.

    Yields:
        A function that returns the most so far in MiB, or None where it cannot be measured.
    """
    import torch

    from uebench.evaluation.memory import peak_memory

    with peak_memory(torch.device("cpu")) as peak:
        before = peak()

        def more() -> float | None:
            now = peak()
            return None if before is None or now is None else now - before

        yield more


def in_mib(memory: float | None) -> str:
    """Return memory in whole MiB for a table."""
    return "not measured" if memory is None else f"{memory:.0f}"
