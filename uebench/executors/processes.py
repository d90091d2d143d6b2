"""Several processes on one machine, each computing whole cells into the same store.

A killed process loses nothing: what it had under way is in its checkpoints.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError
from uebench.evaluation.hardware import available_cores
from uebench.evaluation.outcome import Outcome
from uebench.planning.cell import Cell, Protection
from uebench.plugins.registry import import_module
from uebench.progress import Progress
from uebench.store.store import Store

if TYPE_CHECKING:
    from uebench.evaluation.runner import Runner

Answer = tuple[Any, dict[str, Any] | None, str]
"""An outcome without its cell, which holds the images."""

GIB_A_PROCESS = 2
"""What a training at ``desk`` takes, with room to spare."""


def suitable(cells: int, device: str) -> int:
    """Return how many processes to use where the user does not say: on a CPU one for each core, on a GPU one.

    Fewer where there are fewer cells, or where half of the memory is less than they take.
    """
    from uebench.evaluation.hardware import choose_device

    if cells < 2 or choose_device(device).type != "cpu":
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return max(1, min(cells, available_cores(), memory // 2 // (GIB_A_PROCESS << 30)))


def run(
    cells: Sequence[Cell],
    jobs: int,
    results: Path,
    device: str,
    *,
    force: bool = False,
    progress: Callable[[Protection], Progress] | None = None,
) -> list[Outcome]:
    """Compute cells in ``jobs`` processes that share the cores; of cells whose set is to be protected, one goes first.

    Args:
        cells: What to compute, as ``plan`` lists it.
        jobs: Processes.
        results: The store's folder.
        device: As ``Runner`` takes it.
        force: Compute finished cells again.
        progress: As ``Runner`` takes it; a function of a module, because it is called in the processes.

    Returns:
        The outcomes, in the order of ``cells``.

    Raises:
        CellError: If a process died.
        StoreError: If the store cannot be written.
    """
    store = Store(results)
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.protect_key, []).append(cell)
    answers: dict[str, Answer] = {}
    modules = {(part.entry.module, part.entry.source) for cell in cells for part in cell.plugins()}
    start = (tuple(modules), results, device, max(1, available_cores() // jobs), progress)
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start, start) as pool:
        running: dict[Future[Answer], Cell] = {}

        def submit(cell: Cell) -> None:
            running[pool.submit(_compute, cell, force)] = cell

        def submit_those_whose_set_is_there() -> None:
            for key in [key for key in groups if not force and store.blob_path(key).is_file()]:
                for cell in groups.pop(key):
                    submit(cell)

        try:
            for group in groups.values():
                submit(group.pop(0))
            while running:
                submit_those_whose_set_is_there()
                for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                    cell = running.pop(future)
                    answers[cell.key] = future.result()
                    for other in groups.pop(cell.protect_key, ()):
                        submit(other)
        except BrokenProcessPool:
            raise CellError("a process was killed (out of memory?); run again to go on, with fewer --jobs") from None
        except BaseException:  # an interrupt, or a disk that is full
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return [Outcome(cell, *answers[cell.key]) for cell in cells]


class _Here:
    """What a process keeps between cells."""

    runner: Runner


def _start(
    modules: tuple[tuple[str, Path], ...],
    results: Path,
    device: str,
    threads: int,
    progress: Callable[[Protection], Progress] | None,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    from uebench.evaluation.runner import Runner

    torch.set_num_threads(threads)
    for name, source in modules:  # those of --plugin files are found by name from here on
        import_module(name, source)
    _Here.runner = Runner(Store(results), device, progress=progress)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _compute(cell: Cell, force: bool) -> Answer:
    (outcome,) = _Here.runner.run([cell], force=force)
    return outcome.status, outcome.record, outcome.reason
