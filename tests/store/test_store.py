from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.records import made_up
from tests.store.test_seal import of_set, protected_set
from uebench.errors import StoreError, UsageError
from uebench.store import blob
from uebench.store.atomic import put
from uebench.store.record import Failure, ProtectedMeta, Record
from uebench.store.record_parts import Audit, Fit, Round
from uebench.store.store import DamagedError, ProtectedSet, Store

KEY = "ab" + "0" * 62


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def record(key: str = KEY, correct: int = 12) -> Record:
    return made_up(correct=correct).model_copy(update={"key": key})


def meta(**changes: Any) -> ProtectedMeta:  # noqa: ANN401
    audit = made_up().audit
    return ProtectedMeta(audit=audit, fit_seconds=1.0, protect_seconds=2.0).model_copy(update=changes)


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    assert store.cells.read(KEY) is None
    store.cells.write(record())
    assert store.cells.read(KEY) == record()
    assert not list(store.root.rglob(".new-*"))


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "other", "list", "moved"])
def test_a_damaged_record_is_noticed(store: Store, harm: str) -> None:
    store.cells.write(record())
    path = store.cells.path(KEY)
    text = path.read_text()
    new = {
        "flip": text.replace('"correct": 12', '"correct": 13', 1),
        "cut": text[: len(text) // 2],
        "empty": "",
        "other": "{}",
        "list": "[]",
        "moved": text,
    }[harm]
    if harm == "moved":
        path = store.cells.path("ab" + "1" * 62)
    path.write_text(new)
    with pytest.raises(DamagedError, match="damaged record"):
        store.cells.read(path.stem)
    assert any(found is None for _, found in store.cells)


def test_a_record_with_the_right_digest_and_the_wrong_content_is_damaged(store: Store) -> None:
    for wrong in ('"n": -5', '"n": 3'):  # less than there can be; less than were correct
        store.cells.write(record())
        path = store.cells.path(KEY)
        _, _, rest = path.read_bytes().partition(b"\n")
        rest = rest.replace(b'"n": 200', wrong.encode())
        path.write_bytes(b'{"digest": "%s",\n' % hashlib.sha256(rest).hexdigest().encode() + rest)
        with pytest.raises(DamagedError, match="damaged record"):
            store.cells.read(KEY)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"peak": {"correct": 101, "n": 200, "epoch": 1}}, "the best epoch is not that of the curve"),
        ({"peak": {"correct": 100, "n": 200, "epoch": 3}}, "the best epoch is not that of the curve"),
        ({"training": {"epochs": 3}}, "not those of the training"),
        ({"training": {"chosen": 3}}, "not those of epoch 3 of the curve"),
        ({"data": {"test_images": 300}}, "200 photographs were counted, and the data set has 300"),
        ({"data": {"options": {"test_copies": 3}}}, "200 test images are not 3 of each photograph"),
        ({"audit": {"changed": 1301}}, "1301 of 1300 training images are changed"),
        ({"robust": {"rho": 0.1, "steps": 1, "counts": {"correct": 1, "n": 5}}}, "under attack were counted on other"),
    ],
)
def test_a_record_that_contradicts_itself_cannot_be_made(changed: dict[str, dict[str, object]], complaint: str) -> None:
    content = record().model_dump()
    for name, fields in changed.items():
        content[name] = (content[name] or {}) | fields
    with pytest.raises(ValidationError, match=complaint):
        Record.model_validate(content)


@pytest.mark.parametrize(("field", "value"), [("epoch", 2), ("test_correct", 99)])
def test_a_record_with_another_curve_cannot_be_made(field: str, value: int) -> None:
    content = record().model_dump()
    for epoch in content["curve"]:
        epoch[field] = value
    with pytest.raises(ValidationError, match="of the curve"):
        Record.model_validate(content)


def test_a_set_without_a_training_is_stored_as_before_there_was_the_field() -> None:
    """Its digest stands in the records of cells."""
    assert "fit" not in meta().stored()
    assert meta(fit=Fit(rounds=1, stopped="rounds", curve=[Round(surrogate=0.5)])).stored()["fit"]["curve"] == [
        {"surrogate": 0.5, "objective": None}
    ]


def test_a_record_of_a_perturbation_beyond_its_budget_cannot_be_made() -> None:
    known = made_up().audit.model_dump()
    Audit.model_validate(known | {"norm": "linf", "eps": 8 / 255, "max_levels": 8})
    with pytest.raises(ValidationError, match="exceeds its budget"):
        Audit.model_validate(known | {"norm": "linf", "eps": 8 / 255, "max_levels": 9})
    with pytest.raises(ValidationError, match="exceeds its budget"):
        Audit.model_validate(known | {"norm": "l2", "eps": 1.0, "l2_max": 1.2})


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_a_protected_set_comes_back_as_it_was(store: Store, dtype: type[np.int8] | type[np.int16]) -> None:
    delta: Any = np.arange(-24, 24).reshape(1, 3, 4, 4).astype(dtype)
    store.sets.write(ProtectedSet(delta, meta(protect_key=KEY)))
    found = store.sets.read(KEY)
    assert found is not None
    assert found.delta.dtype == dtype
    assert (found.delta == delta).all()
    assert found.meta == meta(protect_key=KEY)
    assert len(found.digest) == 64


@pytest.mark.parametrize("place", [0.0, 0.3, 0.99])
def test_a_damaged_protected_set_is_noticed_wherever_a_byte_flips(store: Store, place: float) -> None:
    put(store.sets.path(KEY), store.sets.content(ProtectedSet(np.zeros((2, 3, 8, 8), np.int8), meta())))
    path = store.sets.path(KEY)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        store.sets.read(KEY)


def test_a_protected_set_in_the_place_of_another_is_damaged(store: Store) -> None:
    store.sets.write(ProtectedSet(np.zeros((2, 3, 8, 8), np.int8), meta(protect_key=KEY)))
    other = "ab" + "1" * 62
    store.sets.path(KEY).rename(store.sets.path(other))
    with pytest.raises(DamagedError):
        store.sets.read(other)


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_noticed(store: Store) -> None:
    store.work.write_checkpoint(KEY, "train", b"weights" * 100)
    assert store.work.read_checkpoint(KEY, "train") == b"weights" * 100
    (path,) = (store.work.folder / KEY).iterdir()
    whole = path.read_bytes()
    for place in (0, 31, 32, len(whole) // 2, len(whole) - 1):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(content)
        assert store.work.read_checkpoint(KEY, "train") is None


def test_find_needs_a_prefix_of_exactly_one_key(store: Store) -> None:
    for digit in "12":
        key = "ab" + digit * 62
        store.cells.write(record(key))
    assert store.find("ab1") == record("ab" + "1" * 62)
    for prefix, found in (("ab", "2 records in"), ("cd", "no record in"), ("a*", "no record in")):
        with pytest.raises(UsageError, match=found):
            store.find(prefix)


def test_a_full_disk_leaves_nothing_half_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.cells.write(record(correct=1))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("uebench.store.atomic.os.fsync", full)
    with pytest.raises(StoreError, match=r"no space left on device.*free space and run again"):
        store.cells.write(record(correct=2))
    assert store.cells.read(KEY) == record(correct=1)
    assert not list(store.root.rglob(".new-*"))


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*choose another results folder"):
        Store(tmp_path / "file").check_writable()


def test_two_holders_of_a_key_take_turns(store: Store) -> None:
    held, order = threading.Event(), []

    def second() -> None:
        held.wait()
        with Store(store.root).claims.claim(KEY):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.claims.claim(KEY):
        held.set()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_killed_holder_frees_its_key(store: Store) -> None:
    code = (
        "import os, pathlib, sys; from uebench.store.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).claims.claim(sys.argv[2]): os.kill(os.getpid(), 9)"
    )
    holder = subprocess.run([sys.executable, "-c", code, str(store.root), KEY], check=False)
    assert holder.returncode == -9
    with store.claims.claim(KEY):
        pass


def test_failures_are_kept_until_the_cell_succeeds(store: Store) -> None:
    failure = Failure(key=KEY, title="lsp vs resnet18", kind="CellError", message="diverged", traceback="line 1")
    store.work.write_failure(failure)
    assert store.failures() == [failure]
    assert store.find("ab0") == failure
    store.work.forget(KEY)
    assert store.failures() == []


def test_the_failure_of_a_set_that_was_made_elsewhere_since_is_none(store: Store) -> None:
    made = record()
    store.work.write_failure(Failure(key=made.protect_key, title="lsp", kind="RuntimeError", message="boom"))
    store.sets.write(protected_set(made.protect_key))
    assert store.failures()
    store.protections.write(of_set(made, level=0))
    assert store.failures() == []
    later = store.protections.path(made.protect_key).stat().st_mtime + 1
    os.utime(store.work.failure_path(made.protect_key), (later, later))  # of a later attempt to make it again
    assert store.failures()


def test_records_are_plain_json(store: Store) -> None:
    store.cells.write(record())
    content = json.loads(store.cells.path(KEY).read_text())
    assert content.pop("digest")
    assert Record.model_validate(content) == record()


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE, errno.EACCES])
def test_what_the_system_cannot_read_now_is_not_damaged(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(blob, "open_safetensors", refuse)
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Store(tmp_path).sets.read("ab" * 32)
    assert not isinstance(caught.value, DamagedError)
