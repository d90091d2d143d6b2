"""A map in threads that keeps the order and never runs far ahead of its consumer."""

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
        pool: The executor that runs ``work``.
        work: The function to apply to each item.
        items: The items, taken one by one, so that a long or lazy series costs no memory.
        limit: The most items that are in progress or have a result that was not yet taken.
    """
    pending: deque[Future[B]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) >= limit:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
