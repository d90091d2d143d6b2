"""A check that images fit into memory. Without it, the system might kill the process instead of refusing memory."""

from __future__ import annotations

from uebench.cgroups import usable_memory
from uebench.errors import DataError


def check_room(images: int, size: int, *, each: int = 1) -> None:
    """Check that there is memory for some images.

    Args:
        images: The number of images.
        size: Height and width in pixels.
        each: Bytes per value; an image has 3 values per pixel.

    Raises:
        DataError: If the images do not fit into memory; the message has the estimate.
    """
    needed, usable = images * 3 * size**2 * each, usable_memory()
    if usable is not None and needed > usable:
        raise DataError(
            f"{images} images of {size} pixels take {needed / 1e9:.1f} GB of memory, and this process may "
            f"use {usable / 1e9:.1f} GB; use fewer images"
        )
