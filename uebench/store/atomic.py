"""Atomic writing of files."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from uebench.errors import StoreError, in_words

TEMPORARY = ".new-"
"""The prefix of the names of unfinished files."""


def publish(path: Path, content: bytes, *, to_disk: bool = True) -> None:
    """Write a file atomically: a reader sees either the old content or all of the new.

    Args:
        path: The file; its folder is created if it is missing.
        content: The new content.
        to_disk: Whether to wait until the file, and if possible its folder entry, are on disk, so that they survive a
            power cut.

    Raises:
        OSError: If the file cannot be written; the old one is then unchanged.
    """
    changed = _changed_folders(path) if to_disk else []
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        if to_disk:
            os.fsync(file.fileno())
    for folder in changed:
        _folder_to_disk(folder)


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Make an empty file beside another one, which it replaces at the end of the ``with`` block.

    It must be closed by then, because Windows cannot rename an open file.

    Args:
        path: The file to be replaced, in a folder that exists.
        mode: The mode of the new file; None for that of the old one, if there is one.

    Yields:
        The path of the new file, which is removed if the block fails.

    Raises:
        OSError: If the file cannot be made, or cannot replace the old one.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        temporary.touch(0o666 if mode is None else mode, exist_ok=False)
        yield temporary
        if mode is None:
            with suppress(OSError):  # of a new file, or on a file system without modes
                shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.chmod(0o600)  # Windows deletes no file that may only be read
        temporary.unlink(missing_ok=True)
        raise


def put(path: Path, content: bytes) -> None:
    """Write a file of a results folder atomically. A folder in its place is renamed, so that ``gc`` removes it.

    Raises:
        StoreError: If the file cannot be written.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            path.rename(path.with_name(f"{TEMPORARY}{path.stem}"))
        publish(path, content)
    except OSError as error:
        raise unusable(path, error) from None


def unusable(path: Path, error: OSError, folder: str = "results folder") -> StoreError:
    """Return an error with one line for an error of the system, and the remedy."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free space and run again" if full else f"choose another {folder}"
    return StoreError(f"{path}: cannot be used ({in_words(error)}); {remedy}")


def write(file: Path, content: bytes | str, name: str = "", *, to_disk: bool = True) -> None:
    """Write a file that the user named: if this fails, for example on a full disk, the old one is unchanged.

    A link is followed. Anything but a regular file, such as ``/dev/stdout``, cannot be replaced and is written to.

    Args:
        file: The file; its folder is created if it is missing.
        content: The new content; text becomes UTF-8.
        name: The name of the option or argument, for the message.
        to_disk: See ``publish``.

    Raises:
        StoreError: If the file cannot be written.
    """
    content = content.encode() if isinstance(content, str) else content
    try:
        target = Path(os.path.realpath(file))  # unlike resolve, it takes links that lead to each other
        if target.exists() and not target.is_file():
            _write_directly(target, content)
        else:
            publish(target, content, to_disk=to_disk)
    except OSError as error:
        raise StoreError(f"{name} {file}: cannot be written ({in_words(error)})".lstrip()) from None


def _write_directly(target: Path, content: bytes) -> None:
    """Write to a device or a named pipe; one that nobody reads is an error (``ENXIO``), and not waited for."""
    handle = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "set_blocking"):
        os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _changed_folders(path: Path) -> list[Path]:
    """Return the folders that get a new entry when ``path`` is written: its own, and the parents of new folders."""
    folders = [path.parent]
    while not folders[-1].exists() and folders[-1] != folders[-1].parent:
        folders.append(folders[-1].parent)
    return folders


def _folder_to_disk(folder: Path) -> None:
    """Write a folder's entries to disk if the system can; Windows and some network file systems cannot."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
