"""Whether images fit into memory, asked before memory is taken: the system may end the process instead of refusing."""

from __future__ import annotations

import os

from uebench import cgroups
from uebench.errors import DataError


def check_room(images: int, size: int, *, each: int = 1) -> None:
    """Refuse to hold more images than there is memory for.

    Args:
        images: How many.
        size: Height and width in pixels.
        each: Bytes per value, of which an image has 3 for each pixel.

    Raises:
        DataError: With the estimate.
    """
    needed, there = images * 3 * size**2 * each, usable_memory()
    if there is not None and needed > there:
        raise DataError(
            f"{images} images of {size} pixels take {needed / 1e9:.1f} GB of memory, and this process may "
            f"use {there / 1e9:.1f} GB; use fewer images"
        )


def usable_memory() -> int | None:
    """Return the bytes of memory that this process may use, or None where the system does not say.

    It is the memory of the machine, or what a container or a batch job is limited to.
    """
    limit = cgroups.memory()
    try:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return limit
    return there if limit is None else min(there, limit)
