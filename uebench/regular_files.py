"""Reading of regular files of a sensible size only.

Opening a named pipe would wait for a writer, a device may never end, and a small file may stand for a huge content.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import zipfile
from pathlib import Path

from uebench.cgroups import usable_memory

MOST = 256 * 2**20
"""The most bytes that ``read_regular`` reads, unless told otherwise; a parsed text takes several times as much."""
_SMALL = 2**30
"""Files up to this size are opened without asking for the memory of the machine, which takes time."""
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(file: Path, most: int | None = None) -> io.BufferedReader:
    """Open a regular file, or a link to one, for reading in binary.

    Args:
        file: The file.
        most: The most bytes that it may have; None for the memory that this process may use.

    Raises:
        OSError: If it cannot be opened, is not a regular file, or is too large (``EFBIG``); a named pipe is refused
            without waiting.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a name with a null character
        raise OSError(errno.EINVAL, str(error), str(file)) from None
    status = os.fstat(descriptor)
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{_KINDS.get(kind, 'something else')}, not a file", str(file))
    limit = usable_memory() if most is None and status.st_size > _SMALL else most
    if limit is not None and status.st_size > limit:
        os.close(descriptor)
        reason = "larger than the memory of this process" if most is None else f"more than {most} bytes"
        raise OSError(errno.EFBIG, reason, str(file))
    return os.fdopen(descriptor, "rb")


def open_uncompressed(file: Path) -> io.BufferedReader:
    """Open a regular file that is not an archive which unpacks to more than its own size.

    ``torch.save`` writes archives, and compresses nothing. A reader would unpack a compressed one without any limit.

    Raises:
        OSError: See ``open_regular``; also for such an archive (``EFBIG``).
    """
    opened = open_regular(file)
    try:
        if zipfile.is_zipfile(opened):
            with zipfile.ZipFile(opened) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > os.fstat(opened.fileno()).st_size:
                raise OSError(errno.EFBIG, "a compressed archive, which torch.save does not write", str(file))
        opened.seek(0)
    except (zipfile.BadZipFile, NotImplementedError):
        opened.close()
        raise OSError(errno.EINVAL, "a damaged archive", str(file)) from None
    except BaseException:
        opened.close()
        raise
    return opened


def read_regular(file: Path, most: int | None = MOST) -> bytes:
    """Return the content of a regular file.

    Args:
        file: The file.
        most: See ``open_regular``.

    Raises:
        OSError: See ``open_regular``.
    """
    with open_regular(file, most) as opened:
        return opened.read()


def is_regular(file: Path) -> bool:
    """Return whether a path leads to a regular file; False if the system cannot tell."""
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except (OSError, ValueError):
        return False
