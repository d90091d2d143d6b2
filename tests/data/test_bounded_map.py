from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from uebench.data.bounded_map import bounded_map


def test_no_more_than_the_limit_wait_in_memory_and_the_order_stays() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            assert number - len(taken) < 4
            yield number

    with ThreadPoolExecutor(2) as pool:
        for answer in bounded_map(pool, lambda number: number * number, items(), limit=4):
            taken.append(answer)
    assert taken == [number * number for number in range(50)]
