"""Seeds as users write them: a number, several numbers, or a text such as ``0-2``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any, SupportsIndex

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from uebench.errors import UsageError
from uebench.plugins.spec import format_value, shortened
from uebench.plugins.validation import refusal

MOST_SEEDS = 1000
"""The most seeds in a range."""
NO_SEED = "is not a seed; write 0, or a range as 0-2, or a list as 0,1,2"
_SEEDS = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")

Seed = Annotated[int, Field(ge=0, lt=2**63)]


def _several(given: Any) -> Any:  # noqa: ANN401
    if isinstance(given, str):
        return tuple(chain.from_iterable(map(_range, given.split(","))))
    if isinstance(given, Iterable) and getattr(given, "ndim", None) != 0:
        return tuple(chain.from_iterable(_several(one) if isinstance(one, str) else (one,) for one in given))
    if _is_whole(given):
        return (int(given),)
    raise ValueError(NO_SEED)


def _is_whole(given: Any) -> bool:  # noqa: ANN401
    """Return whether it is one whole number, also NumPy's; arrays have ``__index__`` too."""
    return isinstance(given, SupportsIndex) and not isinstance(given, bool) and not getattr(given, "ndim", 0)


def _range(text: str) -> range:
    if (match := _SEEDS.fullmatch(text.strip())) is None:
        raise ValueError(NO_SEED)
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 <= last - first < MOST_SEEDS:
        raise ValueError(f"is not a range of seeds; write the smaller one first, and at most {MOST_SEEDS} in all")
    return range(first, last + 1)


Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_several), Field(min_length=1)]
"""Seeds: a number, several, or a text such as ``0-2`` or ``0,1,2``."""
AnySeeds = int | str | Iterable[int | str]
"""Seeds as the Python API takes them."""


def seeds_of(given: Any, name: str) -> tuple[int, ...]:  # noqa: ANN401
    """Return seeds as numbers.

    Args:
        given: As ``AnySeeds``.
        name: The argument, for the message.

    Raises:
        UsageError: If one of them is not a seed.
    """
    try:
        return TypeAdapter(Seeds).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{name}={shortened(format_value(first['input']))} {refusal(first)}") from None


def seed_of(given: int) -> int:
    """Return a single seed.

    Raises:
        UsageError: If it is not one.
    """
    if not _is_whole(given):
        raise UsageError(f"seed={shortened(format_value(given))} is not a seed; write one whole number, such as 0")
    return seeds_of(given, "seed")[0]
