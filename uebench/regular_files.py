"""Reading of regular files only: opening a named pipe would wait for a writer, and a device may never end."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(file: Path) -> io.BufferedReader:
    """Open a regular file, or a link to one, for reading in binary.

    Raises:
        OSError: If it cannot be opened or is not a regular file; a named pipe is refused without waiting.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a name with a null character
        raise OSError(errno.EINVAL, str(error), str(file)) from None
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFREG:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"{_KINDS.get(kind, 'something else')}, not a file", str(file))


def read_regular(file: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: See ``open_regular``.
    """
    with open_regular(file) as opened:
        return opened.read()


def is_regular(file: Path) -> bool:
    """Return whether a path leads to a regular file; False if the system cannot tell."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except (OSError, ValueError):
        return False
