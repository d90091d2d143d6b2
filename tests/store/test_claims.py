"""Who works on what, with file locks and on file systems that have none."""

from __future__ import annotations

import errno
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Command
from uebench.errors import StoreError
from uebench.store import claims
from uebench.store.claims import Claims
from uebench.store.gc import gc
from uebench.store.store import Store

KEY = "ab" + "0" * 62
HOLDER = """
import fcntl, pathlib, sys, time
from uebench.store import claims

def refuse(*_):
    raise OSError(37, "No locks available")

claims.LEASE = 0.6
if sys.argv[2] == "without":
    fcntl.flock = refuse
with claims.Claims(pathlib.Path(sys.argv[1])).claim(sys.argv[3], "a cell"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every lock, as NFS without a lock server does; a lease runs out after 0.6 seconds."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(claims, "LEASE", 0.6)


@contextmanager
def other(root: Path, locks: str = "with") -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the key, on a machine whose file system is ``with`` or ``without`` locks."""
    words = [sys.executable, "-c", HOLDER, str(root), locks, KEY]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take(root: Path) -> threading.Event:
    """Wait for the key in a thread; the event says when it was held."""
    held = threading.Event()

    def wait() -> None:
        with Claims(root).claim(KEY):
            held.set()

    threading.Thread(target=wait, daemon=True).start()
    return held


@pytest.mark.usefixtures("no_locks")
def test_where_there_are_no_locks_a_lease_is_held_and_left_behind_by_nobody(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert not first.uses_leases
    with first.claim(KEY):
        assert second.uses_leases and second.is_held(KEY)
        with second.claim_if_free(KEY) as free:
            assert not free
    with second.claim_if_free(KEY) as free:
        assert free
    assert not first.is_held(KEY)
    assert not list(first.folder.glob("*.lease*"))


def test_two_processes_may_find_out_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    claims_here = Claims(tmp_path)

    def refuse_after_another_was_refused(*_: object) -> None:
        (claims_here.folder / "leases").touch()
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse_after_another_was_refused)
    with claims_here.claim(KEY):
        assert claims_here.is_held(KEY)


@pytest.mark.usefixtures("no_locks")
def test_a_holder_keeps_its_lease_for_longer_than_a_lease_lasts(tmp_path: Path) -> None:
    with other(tmp_path, "without"):
        held = take(tmp_path)
        assert not held.wait(3 * claims.LEASE)
    assert held.wait(20)  # its process was killed


@pytest.mark.usefixtures("no_locks")
def test_a_lease_that_nobody_touches_is_taken_over(tmp_path: Path) -> None:
    with other(tmp_path, "without") as process:
        process.send_signal(signal.SIGSTOP)  # as if its machine had died
        began = time.monotonic()
        assert take(tmp_path).wait(20)
        assert time.monotonic() - began > claims.LEASE * (1 - 1 / claims.BEATS)


def test_a_machine_that_has_locks_uses_leases_once_another_had_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LEASE", 0.6)
    with other(tmp_path, "without"):
        assert Claims(tmp_path).is_held(KEY)
        with Claims(tmp_path).claim_if_free(KEY) as free:
            assert not free


def test_another_error_of_a_lock_is_one_line_and_no_reason_for_leases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(StoreError, match="input/output error"), Claims(tmp_path).claim(KEY):
        pass
    assert not Claims(tmp_path).uses_leases


@pytest.mark.usefixtures("no_locks")
def test_cells_are_computed_where_there_are_no_locks(tiny_run: Command, uebench: Command, tmp_path: Path) -> None:
    answer = tiny_run("--method", "lsp", "--attacker", "resnet18(epochs=1)", "--json")
    assert [cell["status"] for cell in answer.json] == ["computed"]
    store = Store(tmp_path / "results")
    assert store.claims.uses_leases
    uebench("store", "gc", "--delete")
    assert gc(store) == []


def test_a_note_says_who_holds_a_key_and_how_far_the_work_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSE", 0.0)
    folder = Claims(tmp_path)
    with folder.claim(KEY, "lsp vs resnet18") as claim:
        claim.tell(3, 20, "training")
        note = Claims(tmp_path).working()[KEY]
        assert (note.title, note.done, note.total, note.what) == ("lsp vs resnet18", 3, 20, "training")
        assert (note.host, note.pid) == (platform.node(), os.getpid())
        assert time.time() - 60 < note.since <= time.time()
    assert folder.working() == {}
    assert not list(folder.folder.glob("*.json"))


def test_notes_are_written_now_and_then(tmp_path: Path) -> None:
    with Claims(tmp_path).claim(KEY, "a cell") as claim:
        for done in range(100):
            claim.tell(done, 100, "training")
        assert Claims(tmp_path).working()[KEY].done == 0


def test_the_note_of_a_killed_process_is_not_believed_and_is_garbage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with other(tmp_path):
        assert store.claims.working()[KEY].title == "a cell"
        assert gc(store) == []
    assert store.claims.working() == {}
    assert {one.reason for one in gc(store, delete=True)} == {"a lock that nobody holds", "of a process that ended"}
    assert not list(store.claims.folder.iterdir())


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"title": 1}', b"\xff\xfe"])
def test_what_is_no_note_is_left_out(tmp_path: Path, content: bytes) -> None:
    folder = Claims(tmp_path)
    with folder.claim(KEY, "a cell"):
        (folder.folder / f"{KEY}.json").write_bytes(content)
        assert folder.working() == {}


def test_that_no_note_can_be_written_stops_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(claims, "publish", full)
    with Claims(tmp_path).claim(KEY, "a cell") as claim:
        claim.tell(1, 2, "training")


def test_who_waits_is_told_for_whom(tmp_path: Path) -> None:
    told: list[str] = []
    holds, waits = Claims(tmp_path), Claims(tmp_path)

    def wait() -> None:
        with waits.claim(KEY, "a cell", lambda _done, _total, text: told.append(text)):
            pass

    with holds.claim(KEY, "a cell"):
        thread = threading.Thread(target=wait)
        thread.start()
        while not told:
            time.sleep(0.01)
    thread.join()
    assert told == [f"waiting for process {os.getpid()} on {platform.node()}, which holds the lock"]
