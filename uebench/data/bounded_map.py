"""A map in threads that neither runs far ahead of what is taken from it nor changes the order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def bounded_map(pool: Executor, work: Callable[[A], B], items: Iterable[A], limit: int) -> Iterator[B]:
    """Yield the result for each item, in the order of the items.

    Args:
        pool: Where ``work`` runs.
        work: Applied to each item.
        items: Taken one by one, so that a long or lazy series costs no memory.
        limit: Items under way or waiting to be taken, at most.
    """
    pending: deque[Future[B]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) >= limit:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
