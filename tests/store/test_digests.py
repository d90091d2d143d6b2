"""The digests of arrays and protected sets."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from uebench.hashing import array_digest


@pytest.mark.parametrize(
    "array",
    [
        np.arange(-6, 6, dtype=np.int16).reshape(2, 3, 2),
        np.arange(12, dtype=np.uint8).reshape(3, 4).T[::2],
        np.zeros((0, 3, 4, 4), np.int8),
        np.array([True, False]),
        np.array(3.5),
    ],
    ids=["int16", "strided", "empty", "bool", "scalar"],
)
def test_the_digest_of_an_array_is_that_of_its_bytes(array: NDArray[Any]) -> None:
    head = f"{array.dtype.str}{array.shape}and more".encode()
    assert array_digest(array, "and more") == hashlib.sha256(head + array.tobytes()).hexdigest()


def test_a_digest_copies_no_array() -> None:
    array = np.ones(1_000_000, np.int8)
    tracemalloc.start()
    array_digest(array)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < array.nbytes // 2
