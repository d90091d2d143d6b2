"""Encoding of a classifier's predictions for all test photographs as a short text for the record."""

from __future__ import annotations

import base64
import binascii
import sys
import zlib
from array import array
from collections.abc import Sequence

WIDTH = "I"
"""Array type with four bytes per answer; compression removes most of them."""


def encode(predicted: Sequence[int]) -> str:
    """Return predicted identities as text: little-endian uint32, deflated, in base64.

    Args:
        predicted: One per test photograph, sorted by identity, and in the order of the data set within an identity.
    """
    return base64.b64encode(zlib.compress(_little_endian(array(WIDTH, predicted)).tobytes(), 9)).decode()


def decode(text: str) -> tuple[int, ...]:
    """Return the predicted identities that ``encode`` wrote.

    Raises:
        ValueError: If the text is something else.
    """
    try:
        content = zlib.decompress(base64.b64decode(text, validate=True))
        return tuple(_little_endian(array(WIDTH, content)))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"not a text of answers ({error})") from None


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


def _little_endian(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
