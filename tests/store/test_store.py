from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uebench.errors import StoreError, UsageError
from uebench.store.store import DamagedError, Protected, Store

KEY = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    assert store.read_cell(KEY) is None
    store.write_cell(KEY, {"key": KEY, "x": [1, 2.5, None]})
    assert store.read_cell(KEY) == {"key": KEY, "x": [1, 2.5, None]}
    assert not list(store.root.rglob(".new-*"))


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "other", "list", "moved"])
def test_a_damaged_record_is_noticed(store: Store, harm: str) -> None:
    store.write_cell(KEY, {"key": KEY, "x": 12})
    path = store.cell_path(KEY)
    text = path.read_text()
    new = {
        "flip": text.replace("12", "13"),
        "cut": text[: len(text) // 2],
        "empty": "",
        "other": "{}",
        "list": "[]",
        "moved": text,
    }[harm]
    if harm == "moved":
        path = store.cell_path("ab" + "1" * 62)
    path.write_text(new)
    with pytest.raises(DamagedError, match="damaged record"):
        store.read_cell(path.stem)
    assert any(record is None for _, record in store.cells())


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_a_protected_set_comes_back_as_it_was(store: Store, dtype: type[np.int8] | type[np.int16]) -> None:
    delta: Any = np.arange(-24, 24).reshape(1, 3, 4, 4).astype(dtype)
    store.write_protected(KEY, Protected(delta, {"audit": {"max_levels": 24}}))
    found = store.read_protected(KEY)
    assert found is not None
    assert found.delta.dtype == dtype
    assert (found.delta == delta).all()
    assert found.meta == {"audit": {"max_levels": 24}}


@pytest.mark.parametrize("place", [0.0, 0.3, 0.99])
def test_a_damaged_protected_set_is_noticed_wherever_a_byte_flips(store: Store, place: float) -> None:
    store.write_protected(KEY, Protected(np.zeros((2, 3, 8, 8), np.int8), {"fit_seconds": 1.0}))
    path = store.blob_path(KEY)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        store.read_protected(KEY)


def test_find_needs_a_prefix_of_exactly_one_key(store: Store) -> None:
    for digit in "12":
        key = "ab" + digit * 62
        store.write_cell(key, {"key": key})
    assert store.find("ab1")["key"] == "ab" + "1" * 62
    for prefix in ("ab", "cd", "a*"):
        with pytest.raises(UsageError, match="records in"):
            store.find(prefix)


def test_a_full_disk_leaves_nothing_half_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_cell(KEY, {"key": KEY, "x": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("uebench.store.atomic.os.fsync", full)
    with pytest.raises(StoreError, match=r"no space left on device.*free space and run again"):
        store.write_cell(KEY, {"key": KEY, "x": 2})
    assert store.read_cell(KEY) == {"key": KEY, "x": 1}
    assert not list(store.root.rglob(".new-*"))


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*choose another folder with --results"):
        Store(tmp_path / "file").check_writable()


def test_two_holders_of_a_key_take_turns(store: Store) -> None:
    held, order = threading.Event(), []

    def second() -> None:
        held.wait()
        with Store(store.root).claim(KEY):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.claim(KEY):
        held.set()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_killed_holder_frees_its_key(store: Store) -> None:
    code = (
        "import os, pathlib, sys; from uebench.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).claim(sys.argv[2]): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(store.root), KEY], check=False)
    with store.claim(KEY):
        pass


def test_failures_are_kept_until_the_cell_succeeds(store: Store) -> None:
    store.write_failure(KEY, "lsp vs resnet18", "diverged")
    assert store.failures() == [{"key": KEY, "cell": "lsp vs resnet18", "error": "diverged"}]
    store.forget_work(KEY)
    assert store.failures() == []


def test_records_are_plain_json(store: Store) -> None:
    store.write_cell(KEY, {"key": KEY})
    assert set(json.loads(store.cell_path(KEY).read_text())) == {"key", "digest"}
