"""What a classifier answered to every test photograph, as a short text in its record."""

from __future__ import annotations

import base64
import binascii
import sys
import zlib
from array import array
from collections.abc import Sequence

WIDTH = "I"
"""Four bytes an answer before compression, which takes most of them away again."""


def encode(predicted: Sequence[int]) -> str:
    """Return predicted identities as text: little-endian uint32, deflated, in base64.

    Args:
        predicted: One for each test photograph: by identity, and within an identity as the data set lists them.
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
    """Return which answers are right.

    Args:
        predicted: As ``encode`` takes them.
        sizes: How many test photographs each identity has.

    Raises:
        ValueError: If there are not as many answers as photographs.
    """
    truth = [label for label, size in enumerate(sizes) for _ in range(size)]
    if len(truth) != len(predicted):
        raise ValueError(f"{len(predicted)} answers for {len(truth)} test photographs")
    return tuple(one == other for one, other in zip(predicted, truth, strict=True))


def _little_endian(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
