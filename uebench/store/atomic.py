"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".new-"
"""How the names of files begin that are not yet in their place."""


def publish(path: Path, content: bytes, *, to_disk: bool = True) -> None:
    """Put a file in its place at once: a reader sees what was there before, or all of ``content``.

    Args:
        path: Where; its folder is made.
        content: All of it.
        to_disk: Wait until the disk has it, so that it outlives a power cut, also under its name if the system can
            write folders to disk.

    Raises:
        OSError: If it cannot be written; what was there before still is, and nothing else.
    """
    changed = _changed_folders(path) if to_disk else []
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if to_disk:
                os.fsync(file.fileno())
        temporary.chmod(0o644)  # from here on closed: Windows renames and deletes no open file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    for folder in changed:
        _folder_to_disk(folder)


def _changed_folders(path: Path) -> list[Path]:
    """Return the folders that get a new entry when ``path`` is written: its own, and those in which one is made."""
    folders = [path.parent]
    while not folders[-1].exists() and folders[-1] != folders[-1].parent:
        folders.append(folders[-1].parent)
    return folders


def _folder_to_disk(folder: Path) -> None:
    """Write a folder's entries to disk where the system can: Windows opens none, some network file systems refuse."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
