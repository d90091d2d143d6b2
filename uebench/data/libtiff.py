"""Keeps libtiff, with which Pillow decodes TIFF, from writing lines of its own to stderr about a damaged file."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

from PIL import _imaging


@cache
def silence_libtiff() -> None:
    """Let libtiff print nothing from now on. Its errors still become exceptions of Pillow.

    Pillow offers no way to do this, and Python's ``warnings`` and ``logging`` do not see these lines. A redirection of
    the file descriptor of stderr would also swallow what other threads write. libtiff's handlers belong to the whole
    process, so to set them back after each image would not be safe with threads. Where Pillow was built so that
    libtiff's functions cannot be reached, nothing changes.
    """
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        with suppress(AttributeError, OSError):
            setter = getattr(ctypes.CDLL(_imaging.__file__), name)  # also finds those of linked libraries
            setter.argtypes, setter.restype = (ctypes.c_void_p,), ctypes.c_void_p
            setter(None)
