"""Keeps libtiff, with which Pillow decodes TIFF, from writing lines of its own to stderr about a damaged file."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

from PIL import _imaging

_SETTERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
"""The functions of libtiff that replace what prints an error or a warning, and return what did so before."""


@contextlib.contextmanager
def silent_libtiff() -> Iterator[None]:
    """Let libtiff print nothing inside the ``with`` block. Its errors still become exceptions of Pillow.

    Pillow offers no way to do this, and Python's ``warnings`` and ``logging`` do not see these lines. A redirection of
    the file descriptor of stderr would also swallow what other threads write. Where Pillow was built so that
    libtiff's functions cannot be reached, nothing changes.
    """
    with contextlib.ExitStack() as restoring:
        for name in _SETTERS:
            with contextlib.suppress(AttributeError, OSError):
                setter = getattr(ctypes.CDLL(_imaging.__file__), name)  # also finds those of linked libraries
                setter.argtypes, setter.restype = (ctypes.c_void_p,), ctypes.c_void_p
                restoring.callback(setter, setter(None))
        yield
