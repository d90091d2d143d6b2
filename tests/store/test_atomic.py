"""Files are whole or not there, on every system, and outlive a power cut."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Command
from uebench.errors import StoreError
from uebench.store.atomic import publish, replacing, write


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


def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "file", b"before")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        publish(tmp_path / "file", b"after")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"before")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_new_file_has_the_mode_that_the_user_wants_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    earlier = os.umask(0o077)
    try:
        publish(tmp_path / "new", b"private")
    finally:
        os.umask(earlier)
    (tmp_path / "old").touch(0o600)
    publish(tmp_path / "old", b"after")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "old")] == [0o600, 0o600]


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource", reason="Windows limits no files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_former_file_and_names_the_option(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write(file, "before")
    with full_after(1000), pytest.raises(StoreError, match=r"^--out \S+/file: cannot be written \(file too large\)$"):
        write(file, 2000 * "x", "--out")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", "before")]


@pytest.mark.parametrize(
    "command",
    [
        ("report", "--html"),
        ("run", "--method", "lsp", "--attacker", "resnet18", "--preset", "smoke", "--dry-run", "--save"),
        ("figure", "4", "--out"),
    ],
    ids=" ".join,
)
def test_a_command_on_a_full_disk_leaves_the_former_file(
    uebench: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    suffix = {"--html": "html", "--save": "toml", "--out": "png"}[command[-1]]
    file = tmp_path / f"file.{suffix}"
    file.write_text("before")
    with full_after(16):
        answer = uebench(*command, file)
    assert (answer.code, file.read_text()) == (4, "before")
    assert f"{file}: cannot be written (file too large)" in answer.complaint


def test_a_link_is_followed_and_a_device_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link", "content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "content"
    (tmp_path / "null").symlink_to(os.devnull)
    write(tmp_path / "null", "content")
    assert Path(os.devnull).is_char_device()


@pytest.mark.timeout(30)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_written_if_somebody_reads_it_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match=r"--save .*pipe: cannot be written \("):
        write(pipe, b"a grid", "--save")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, b"a grid", "--save")
    assert os.read(reader, 100) == b"a grid"
    os.close(reader)


def test_the_whole_content_is_in_the_file_before_it_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    publish(tmp_path / "file", b"content")
    assert sizes[0] == len(b"content")


def test_a_block_that_fails_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    publish(file, b"before")
    with pytest.raises(KeyboardInterrupt), replacing(file) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("file", b"before")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "file"
    publish(file, b"for everybody")
    with replacing(file, mode=0o600) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_bytes(b"private")
    assert file.read_bytes() == b"private"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
