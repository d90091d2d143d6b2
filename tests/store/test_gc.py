from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.records import made_up
from tests.store.test_seal import of_set, protected_set
from uebench.planning.cell import has_its_own_key
from uebench.store.atomic import put
from uebench.store.gc import gc
from uebench.store.record import Failure
from uebench.store.store import Store
from uebench.store.verify import verify

RECORD = made_up()
OTHER = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a finished cell and its set, a cell under way, and one that failed."""
    store = Store(tmp_path / "results")
    store.cells.write(RECORD)
    store.sets.write(protected_set(RECORD.protect_key))
    store.protections.write(of_set(RECORD, level=0))
    store.work.write_checkpoint(OTHER, "train", b"weights")
    store.work.write_failure(Failure(key="cd" + "0" * 62, title="lsp", kind="CellError", message="diverged"))
    return store


def tree(store: Store) -> dict[Path, tuple[int, bool]]:
    return {path: (path.lstat().st_mtime_ns, path.is_dir()) for path in [store.root, *store.root.rglob("*")]}


def litter(store: Store, key: str = RECORD.key) -> list[Path]:
    """Leave behind what killed processes leave behind."""
    store.work.write_checkpoint(key, "train", b"weights" * 100)
    store.sets.write(protected_set("ef" + "0" * 62))
    store.claims.folder.mkdir()
    left = [
        store.cells.path(key).parent / ".new-abc",
        store.work.folder / OTHER / ".new-abc",
        store.claims.folder / f"{key}.lock",
        store.work.failure_path(OTHER),
        store.work.arrays / "12.npy",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        os.utime(path, (0, 0))
    for name in ("12ab", "34cd"):
        (store.work.folder / name).mkdir()
    store.work.failure_path("12ab").write_text("")
    return [*left, *(store.work.folder / name for name in (key, "12ab", "34cd")), store.sets.path("ef" + "0" * 62)]


def test_nothing_that_is_of_use_is_garbage(store: Store) -> None:
    before = tree(store)
    assert gc(store) == gc(store, delete=True) == []
    assert {path for path in tree(store) if path not in before} <= {store.claims.folder}


def test_what_killed_processes_leave_behind_is_listed_and_deleted_only_if_asked(store: Store) -> None:
    useful = set(tree(store))
    left = litter(store)
    before = tree(store)
    listed = gc(store)
    assert tree(store) == before
    assert {one.path for one in listed} == set(left)
    assert next(one.size for one in listed if one.path == store.work.folder / RECORD.key) == 700 + 32
    assert all(one.reason for one in listed)
    assert gc(store, delete=True) == listed
    assert not [path for path in left if path.exists()]
    assert useful <= set(tree(store))
    assert gc(store) == []


def test_a_running_process_loses_nothing(store: Store) -> None:
    left = litter(store)
    made = "ef" + "0" * 62  # a set whose record is being written
    taken = {store.claims.folder / f"{RECORD.key}.lock", store.work.folder / RECORD.key, store.sets.path(made)}
    taken |= {path for path in left if path.name in (".new-abc", "12.npy")}
    with store.claims.claim(RECORD.key), store.claims.claim(made):
        assert {one.path for one in gc(store)} == set(left) - taken
        assert {one.path for one in gc(store, delete=True)} == set(left) - taken
        assert all(path.exists() for path in taken)
    assert {one.path for one in gc(store)} == {*taken, store.claims.folder / f"{made}.lock"}


def test_sets_are_kept_while_it_is_unknown_which_cells_refer_to_them(store: Store) -> None:
    key = "ef" + "0" * 62
    store.sets.write(protected_set(key))
    store.cells.path(RECORD.key).write_text("{}")
    assert gc(store) == []


@pytest.mark.parametrize(("kind", "models"), [("protected", "listed"), ("cells", "kept")])
def test_nothing_is_garbage_whose_record_may_be_out_of_reach(store: Store, kind: str, models: str) -> None:
    key = "ef" + "0" * 62
    store.sets.write(protected_set(key))
    put(store.models.path(key), b"weights")
    assert {one.path for one in gc(store)} >= {store.sets.path(key), store.models.path(key)}
    (store.root / kind / "ef").symlink_to(store.root / "not mounted")
    listed = {one.path for one in gc(store)}
    assert store.sets.path(key) not in listed
    assert (store.models.path(key) in listed) == (models == "listed")


@pytest.mark.parametrize("kind", ["protected", "cells"])
def test_a_record_that_is_a_broken_link_is_damaged_and_its_files_are_no_garbage(store: Store, kind: str) -> None:
    key = "ef" + "0" * 62
    store.sets.write(protected_set(key))
    put(store.models.path(key), b"weights")
    record = store.root / kind / "ef" / f"{key}.json"
    record.parent.mkdir(parents=True)
    record.symlink_to(store.root / "not mounted")
    listed = {one.path for one in gc(store)}
    assert store.sets.path(key) not in listed
    assert (store.models.path(key) in listed) == (kind == "protected")
    (fault,) = (one for one in verify(store, has_its_own_key).faults if "link" in one)
    assert f"{key}.json: damaged record (it is a link to a file that is not there)" in fault


def test_the_work_of_a_cell_whose_record_is_damaged_is_kept(store: Store) -> None:
    store.work.write_checkpoint(RECORD.key, "train", b"weights")
    store.cells.path(RECORD.key).write_text("{}")
    assert gc(store) == []


def test_who_waits_for_a_lock_whose_file_is_deleted_still_takes_turns(store: Store) -> None:
    """The waiting process holds the deleted file open, and must notice that it is no lock any more."""
    code = (
        "import pathlib, sys, time; from uebench.store.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).claims.claim(sys.argv[2]): print('held', flush=True); time.sleep(60)"
    )
    with store.claims.claim_if_free(OTHER) as free:
        assert free
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, str(store.root), OTHER], stdout=subprocess.PIPE, text=True
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
    assert waiting.stdout
    assert waiting.stdout.readline() == "held\n"
    assert store.claims.is_held(OTHER)
    with store.claims.claim_if_free(OTHER) as free:
        assert not free
    os.kill(waiting.pid, signal.SIGKILL)
    waiting.wait()
    waiting.stdout.close()
    assert not store.claims.is_held(OTHER)


def test_the_work_of_a_finished_cell_is_forgotten_unless_a_process_holds_it(store: Store) -> None:
    store.work.write_checkpoint(RECORD.key, "train", b"weights")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.claims.claim(RECORD.key):
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    store.work.tidy(RECORD.key)
    assert store.work.read_checkpoint(RECORD.key, "train")
    done.set()
    thread.join()
    store.work.tidy(RECORD.key)
    assert not (store.work.folder / RECORD.key).exists()


def test_a_set_that_a_cell_attacked_stays_even_without_a_record_of_its_own(store: Store) -> None:
    store.protections.path(RECORD.protect_key).unlink()
    assert store.sets.path(RECORD.protect_key) not in [one.path for one in gc(store, delete=True)]
    assert store.sets.path(RECORD.protect_key).exists()
