"""The layout of arrays of images: channels first or last."""

from __future__ import annotations

from typing import Literal

from uebench.errors import UsageError

Layout = Literal["NCHW", "NHWC"]


def layout_of(shape: tuple[int, ...], asked: str | None, what: str) -> Layout:
    """Return the layout of an array of images, from the position of its 3 channels.

    Args:
        shape: The array's shape.
        asked: ``NCHW`` or ``NHWC`` if the user gave the layout; None to infer it.
        what: The name of the array in messages.

    Raises:
        UsageError: If the array does not have 3 channels in the right position, or if both layouts are possible.
    """
    if len(shape) != 4 or 0 in shape:
        raise UsageError(f"{what}: shape {shape}; give (N, 3, S, S) or (N, S, S, 3), with N at least 1")
    possible: list[Layout] = [name for name, axis in (("NCHW", 1), ("NHWC", 3)) if shape[axis] == 3]  # type: ignore[misc]
    if asked is None and len(possible) == 1:
        return possible[0]
    if asked is None and possible:
        raise UsageError(f"{what}: shape {shape} may be (N, 3, S, S) or (N, S, S, 3); say layout='NCHW' or 'NHWC'")
    if asked not in ("NCHW", "NHWC", None):
        raise UsageError(f"layout {asked!r}: unknown; say 'NCHW' for (N, 3, S, S) or 'NHWC' for (N, S, S, 3)")
    if asked not in possible:
        where = f"with layout={asked!r}" if asked else "in the second or the last place"
        raise UsageError(f"{what}: shape {shape}; there must be 3 channels (red, green, blue) {where}")
    return asked
