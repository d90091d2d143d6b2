"""How planning grows with the cells of a grid, and how many claims processes make of one results folder.

Nothing is trained: each task ends at once, so that what is measured is what the machinery adds to the work.
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.processes import fresh, in_mib, more_memory
from benchmarks.startup import ATTACKERS, METHODS, finish
from uebench.planning.grid import Grid

CELLS = (1_000, 10_000, 100_000)
RECORDS = 200
"""In the folder already, for the estimates."""
WORKERS = {"locks": (1, 8, 100, 1000), "leases": (1, 8, 100)}
"""Processes; more of them with leases, which are asked for again and again, would only keep the CPU busy."""
KEYS = 20
JOBS = 100
"""Tasks that run at once, as on a cluster."""

Row = Mapping[str, Any]


def measure(quick: bool) -> list[dict[str, Any]]:
    """Plan grids of more and more cells; let more and more processes claim the same keys."""
    cells, workers = ((200, 400), dict.fromkeys(WORKERS, (1, 2))) if quick else (CELLS, WORKERS)
    rows = [fresh(plan, count) for count in cells]
    return rows + [fresh(claim, kind, count, KEYS) for kind, counts in workers.items() for count in counts]


def plan(cells: int) -> dict[str, Any]:
    """Plan a grid, estimate its time, run its tasks, which end at once, and look at how far it is.

    Args:
        cells: How many, a multiple of 20.
    """
    from uebench.api.progress import look
    from uebench.executors.base import run_graph
    from uebench.planning.estimates import Conditions, Estimates
    from uebench.planning.grid import Planner
    from uebench.planning.tasks import Task, TaskStatus
    from uebench.plugins.registry import Registry
    from uebench.store.store import Store

    grid = _grid(RECORDS, cells)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        fresh(finish, _grid(0, RECORDS), store.root)  # whose memory is not counted
        with more_memory() as more:
            clock = _Clock()
            planned = Planner(Registry(), store).plan(grid)
            tasks = planned.tasks(store)
            took = {"plan": clock()}
            Estimates(store, Conditions("another machine", True, 1)).total(tasks)
            took["estimate"] = clock()

            def submit(_: Task) -> Future[TaskStatus]:
                done: Future[TaskStatus] = Future()
                done.set_result("computed")
                return done

            statuses = run_graph(tasks, submit, store, JOBS)
            assert len(statuses) == len(tasks)
            took["run"] = clock()
            with store.requests.hold([one.spec.key for one in planned.cells]):
                took["request"] = clock()
                assert look(store).to_do == len(planned.cells)
                took["status"] = clock()
            peak = more()
    return {"cells": len(planned.cells), "tasks": len(tasks), "peak_mib": peak, **took}


def _grid(first: int, cells: int) -> Grid:
    """Return a grid of so many cells, a multiple of 20; ``first`` is the first seed."""
    seeds = cells // (len(METHODS) * len(ATTACKERS))
    return Grid(method=METHODS, attacker=ATTACKERS, data=("synthetic",), seed=tuple(range(first, first + seeds)))


def claim(kind: str, workers: int, keys: int) -> dict[str, Any]:
    """Let processes claim the same keys in the same order, as several runs of one grid do, and do each only once.

    Args:
        kind: ``locks``, or ``leases``: locks are refused.
        workers: How many processes.
        keys: How many keys.
    """
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        processes = [context.Process(target=_work, args=(Path(folder), kind, keys)) for _ in range(workers)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        seconds = clock()
        told = [json.loads(file.read_text()) for file in Path(folder).glob("told-*")]
    assert sum(one["done"] for one in told) == keys
    assert len(told) == workers
    waits = sorted(wait for one in told for wait in one["waits"])
    return {
        "kind": kind, "workers": workers, "claims": len(waits), "seconds": seconds,
        "median_ms": 1000 * waits[len(waits) // 2], "longest_ms": 1000 * waits[-1],
        "most": max(one["done"] for one in told) / keys,
    }  # fmt: skip


def _work(root: Path, kind: str, keys: int) -> None:
    """Claim every key, and do what nobody has done yet; tell how often that was, and how long each claim took."""
    import os

    from uebench.hashing import digest
    from uebench.store.claims import Claims

    if kind == "leases":
        _refuse_locks()
    claims, done, waits = Claims(root), 0, []
    for number in range(keys):
        key = digest(number)
        began = time.perf_counter()
        with claims.claim(key, f"cell {number}"):
            waits.append(time.perf_counter() - began)
            mark = root / key
            if not mark.exists():
                mark.touch()
                done += 1
    (root / f"told-{os.getpid()}").write_text(json.dumps({"done": done, "waits": waits}))


def _refuse_locks() -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl.flock = refuse


class _Clock:
    """Returns the seconds since it was asked before."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __call__(self) -> float:
        before, self._last = self._last, time.perf_counter()
        return self._last - before


def table(rows: Sequence[Row]) -> str:
    """Return the measurements as Markdown."""
    plans, claims = [row for row in rows if "cells" in row], [row for row in rows if "kind" in row]
    columns: dict[str, Callable[[Row], str]] = {
        "cells": lambda row: f"{row['cells']:,}",
        "plan, s": lambda row: f"{row['plan']:.2f}",
        f"estimate from {RECORDS} records, s": lambda row: f"{row['estimate']:.2f}",
        "tasks per second": lambda row: f"{row['tasks'] / row['run']:,.0f}",
        "write the request, s": lambda row: f"{row['request']:.2f}",
        "`status --watch`, one look, s": lambda row: f"{row['status']:.2f}",
        "memory, MiB": lambda row: in_mib(row["peak_mib"]),
    }
    of_claims: dict[str, Callable[[Row], str]] = {
        "claims by": lambda row: row["kind"],
        "processes": lambda row: str(row["workers"]),
        "claims per second": lambda row: f"{row['claims'] / row['seconds']:,.0f}",
        "median wait, ms": lambda row: f"{row['median_ms']:.2f}",
        "longest wait, ms": lambda row: f"{row['longest_ms']:.0f}",
        "largest share of the work": lambda row: f"{row['most']:.2f}",
    }
    return f"{_markdown(plans, columns)}\n\n{_markdown(claims, of_claims)}"


def _markdown(rows: Sequence[Row], columns: Mapping[str, Callable[[Row], str]]) -> str:
    lines = [{name: show(row) for name, show in columns.items()} for row in rows]
    return tabulate(lines, headers="keys", tablefmt="github", disable_numparse=True)
