"""The layout of arrays of images: channels first or last."""

from __future__ import annotations

from uebench.errors import UsageError


def channels_are_last(shape: tuple[int, ...], what: str) -> bool:
    """Return whether images are (N, S, S, 3) and not (N, 3, S, S); if both fit, they are (N, 3, S, S).

    Args:
        shape: The array's shape.
        what: The name of the array in messages.

    Raises:
        UsageError: If it is neither.
    """
    if len(shape) != 4 or 0 in shape:
        raise UsageError(f"{what}: shape {shape}; give (N, 3, S, S) or (N, S, S, 3), with N at least 1")
    if 3 not in (shape[1], shape[3]):
        raise UsageError(
            f"{what}: shape {shape}; there must be 3 channels (red, green, blue) in the second or the last place"
        )
    return shape[1] != 3
