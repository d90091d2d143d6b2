"""Files are whole or not there, on every system, and outlive a power cut."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from uebench.store.atomic import publish


def test_a_file_is_closed_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to rename an open file."""
    handles: list[int] = []
    fsync, replace = os.fsync, Path.replace

    def note(handle: int) -> None:
        handles.append(handle)
        fsync(handle)

    def closed(self: Path, target: Path) -> Path:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(handles[0])
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", closed)
    publish(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


@pytest.mark.skipif(os.name == "nt", reason="Windows writes no folders to disk")
def test_the_folders_that_changed_reach_the_disk_after_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, synced = tmp_path / "made" / "too" / "file", []

    def note(handle: int) -> None:
        status = os.fstat(handle)
        folders = [folder for folder in file.parents if folder.exists() and os.path.samestat(folder.stat(), status)]
        synced.append((folders[0] if folders else None, file.exists()))

    monkeypatch.setattr(os, "fsync", note)
    publish(file, b"content")
    assert synced == [(None, False), *((folder, True) for folder in (file.parent, tmp_path / "made", tmp_path))]
    synced.clear()
    publish(file, b"other")
    assert synced == [(None, True), (file.parent, True)]
    synced.clear()
    publish(file, b"third", to_disk=False)
    assert not synced


@pytest.mark.skipif(os.name == "nt", reason="Windows writes no folders to disk")
def test_a_system_that_writes_no_folders_to_disk_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", files_only)
    publish(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("step", ["chmod", "replace"])
def test_what_fails_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "file", b"before")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, step, refuse)
    with pytest.raises(PermissionError):
        publish(tmp_path / "file", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"before")]
