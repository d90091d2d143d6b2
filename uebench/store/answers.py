"""Encoding of a classifier's predictions for all test photographs as a short text for the record."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence


def encode(predicted: Sequence[int]) -> str:
    """Return predicted identities as text: little-endian uint32, deflated, in base64.

    Args:
        predicted: One per test photograph, sorted by identity, and in the order of the data set within an identity.
    """
    return base64.b64encode(zlib.compress(struct.pack(f"<{len(predicted)}I", *predicted), 9)).decode()


def decode(text: str, count: int) -> tuple[int, ...]:
    """Return the predicted identities that ``encode`` wrote.

    Args:
        text: The text.
        count: How many there must be. No more are unpacked, because a short text may stand for very many.

    Raises:
        ValueError: If the text is something else.
    """
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(base64.b64decode(text, validate=True), 4 * count + 1)
        if not unpacking.eof:
            raise ValueError("too long, or cut off")
        return struct.unpack(f"<{count}I", content)
    except (binascii.Error, zlib.error, struct.error, ValueError) as error:
        raise ValueError(f"not a text of {count} answers ({error})") from None


def correct(predicted: Sequence[int], sizes: Sequence[int]) -> tuple[bool, ...]:
    """Return which answers are correct.

    Args:
        predicted: Predicted identities, in the order of ``encode``.
        sizes: The number of test photographs of each identity.

    Raises:
        ValueError: If the numbers of answers and photographs differ.
    """
    truth = [label for label, size in enumerate(sizes) for _ in range(size)]
    if len(truth) != len(predicted):
        raise ValueError(f"{len(predicted)} answers for {len(truth)} test photographs")
    return tuple(answer == label for answer, label in zip(predicted, truth, strict=True))


def tolerance(count: int, share: float = 0.02) -> int:
    """Return how many of ``count`` answers rounding may change: a share of them, and at least two.

    On a CPU without interruption it changes none. On a GPU, or after resuming elsewhere, a few may differ.
    """
    return max(2, int(share * count))
