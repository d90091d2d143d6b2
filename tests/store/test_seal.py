"""Nothing that was changed, moved, or put in the place of a file is believed, and nothing hangs or ends a reader."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.records import made_up, protection_of
from uebench.analysis.frame import frame
from uebench.api.status import status
from uebench.errors import StoreError
from uebench.plugins.registry import Registry
from uebench.report import record_text
from uebench.store import atomic
from uebench.store.record import Failure, ProtectedMeta, ProtectionRecord, Record
from uebench.store.store import DamagedError, ProtectedSet, Store
from uebench.store.verify import verify

PLACES = ("fifo", "socket", "folder", "loop")
FREE = ("config", "options", "model")
"""Fields that hold whatever options a plugin has."""


def put(kind: str, path: Path) -> None:
    """Put something in the place of a file that is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        before = Path.cwd()
        os.chdir(path.parent)  # the name of a socket must be short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
        os.chdir(before)
    elif kind == "folder":
        path.mkdir()
        (path / "file").write_text("")
    else:
        path.symlink_to(path.name)


def published() -> dict[str, Any]:
    """A record as it was published, without its digest."""
    content: dict[str, Any] = json.loads(min((ROOT / "results" / "cells").glob("??/*.json")).read_text())
    del content["digest"]
    return content


def write(store: Store, content: dict[str, Any], key: str) -> Path:
    """Write any content as the record of a key, with its digest."""
    rest = json.dumps(content, indent=1, sort_keys=True).removeprefix("{\n").encode() + b"\n"
    path = store.cells.path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'{"digest": "%s",\n' % hashlib.sha256(rest).hexdigest().encode() + rest)
    return path


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield the way to everything in a document."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*path, name))


def holder(content: Any, path: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Return the list or the mapping that holds what lies at the end of a way."""
    for name in path[:-1]:
        content = content[name]
    return content


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_file_is_a_damaged_record_with_its_name_and_readers_go_on(tmp_path: Path, kind: str) -> None:
    store, whole, lost = Store(tmp_path), made_up("lsp"), made_up("ue")
    store.cells.write(whole)
    put(kind, store.cells.path(lost.key))
    with pytest.raises(DamagedError, match=rf"{lost.key}.json: damaged record \("):
        store.cells.read(lost.key)
    assert store.cells.readable() == ([whole], [store.cells.path(lost.key)])
    found = status(store, Registry())
    assert (len(found.cells), found.damaged) == (1, [store.cells.path(lost.key)])
    store.cells.write(lost)
    assert store.cells.read(lost.key) == lost


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_file_is_no_protected_set_no_checkpoint_and_no_failure(tmp_path: Path, kind: str) -> None:
    store, key = Store(tmp_path), made_up().key
    put(kind, store.sets.path(key))
    put(kind, store.work.folder / key / "train.checkpoint")
    put(kind, store.work.failure_path(key))
    with pytest.raises(DamagedError, match=r"safetensors: damaged protected set"):
        store.sets.read(key)
    assert store.set_metas.read_or_none(key) is None
    assert store.work.read_checkpoint(key, "train") is None
    assert store.failures() == []
    if kind != "loop":  # which no search finds
        with pytest.raises(DamagedError, match=r"failed\.json: damaged failure"):
            store.find(key)
    store.work.write_checkpoint(key, "train", b"weights")
    assert store.work.read_checkpoint(key, "train") == b"weights"


def test_of_500_changed_records_none_is_believed(tmp_path: Path) -> None:
    store, rng = Store(tmp_path), random.Random(0)
    record = made_up()
    store.cells.write(record)
    path = store.cells.path(record.key)
    whole = path.read_bytes()
    for _ in range(500):
        content, place = bytearray(whole), rng.randrange(len(whole))
        match rng.choice(("flip", "cut", "insert", "repeat")):
            case "flip":
                content[place] ^= 1 << rng.randrange(8)
            case "cut":
                del content[place : place + rng.choice((1, 10, len(whole)))]
            case "insert":
                content[place:place] = rng.randbytes(rng.choice((1, 10)))
            case "repeat":
                content += content[place:]
        path.write_bytes(content)
        with pytest.raises(DamagedError) as caught:
            store.cells.read(record.key)
        assert "\n" not in str(caught.value)
    path.write_bytes(whole)
    assert store.cells.read(record.key) == record


def test_a_value_of_another_kind_or_a_missing_name_is_damage_even_under_the_right_digest(tmp_path: Path) -> None:
    store, content = Store(tmp_path), published()
    key = content["key"]
    believed = []
    for path in places(content):
        if set(path[:-1]) & set(FREE) or holder(content, path)[path[-1]] is None:
            continue
        changed = json.loads(json.dumps(content))
        inner = holder(changed, path)
        inner[path[-1]] = 7 if isinstance(inner[path[-1]], str | list | dict) else "seven"
        write(store, changed, key)
        try:
            store.cells.read(key)
            believed.append(path)
        except DamagedError as damage:
            assert "\n" not in str(damage)
    assert len(list(places(content))) > 150
    assert believed == []
    for name in set(content) - {name for name, field in Record.model_fields.items() if not field.is_required()}:
        write(store, {other: value for other, value in content.items() if other != name}, key)
        with pytest.raises(DamagedError):
            store.cells.read(key)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("counts", "correct"), 1),
        (("per_identity", 0, "n"), 1_000),
        (("data", "num_classes"), 11),
        (("peak", "n"), 1_000),
        (("method", "config"), {"eps": float("nan")}),
        (("written",), {"method": "lsp"}),
        (("provenance", "versions"), {"uebench": "0.2.0"}),
    ],
)
def test_what_contradicts_itself_or_lacks_a_name_that_readers_need_is_damage_even_under_the_right_digest(
    tmp_path: Path, path: tuple[Any, ...], value: object
) -> None:
    store, content = Store(tmp_path), published()
    write(store, content, content["key"])
    assert store.cells.read(content["key"])
    assert holder(content, path)[path[-1]] != value
    holder(content, path)[path[-1]] = value
    write(store, content, content["key"])
    with pytest.raises(DamagedError):
        store.cells.read(content["key"])


VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 0.5, 1e308, float("nan"), float("inf"), "", "é\n\x1b[31m", "\ud800", [], {}, [1],
    {"a": [[]]},
)  # fmt: skip


REGISTRY, CONTENT = Registry(), published()
WAYS = [path for path in places(CONTENT) if path != ("format",)]  # a newer one is refused, not damaged


@pytest.mark.fuzz
@settings(deadline=60_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_whatever_a_record_says_under_the_right_digest_no_reader_ends_in_a_traceback(tmp_path: Path, seed: int) -> None:
    store, changed, rng = Store(tmp_path), json.loads(json.dumps(CONTENT)), random.Random(seed)
    path = rng.choice(WAYS)
    inner, name = holder(changed, path), path[-1]
    match rng.choice(("set", "delete", "add", "scale")):
        case "set":
            inner[name] = rng.choice(VALUES)
        case "delete":
            del inner[name]
        case "add" if isinstance(inner, list):
            inner.insert(name, inner[name])
        case "add":
            inner[f"{name}_"] = inner[name]
        case "scale" if isinstance(inner[name], int | float):
            inner[name] = inner[name] * rng.choice((-1, 2, 1000)) + 1
    write(store, changed, CONTENT["key"])
    records, damaged = store.cells.readable()
    assert len(records) + len(damaged) == 1
    found = status(store, REGISTRY)
    assert len([str(line) for line in found.cells]) + len(found.damaged) == 1
    for record in records:
        record_text.lines(record)
        frame([record])


def test_a_record_in_the_wrong_folder_is_damaged(tmp_path: Path) -> None:
    store, record = Store(tmp_path), made_up()
    store.cells.write(record)
    moved = store.root / "cells" / "zz" / f"{record.key}.json"
    moved.parent.mkdir()
    shutil.copy(store.cells.path(record.key), moved)
    assert store.cells.readable() == ([record], [moved])


def test_a_record_of_a_newer_format_is_no_damage_but_refused_with_the_remedy(tmp_path: Path) -> None:
    store, content = Store(tmp_path), published()
    path = write(store, content | {"format": 2, "invented": 1}, content["key"])
    for read in (lambda: store.cells.read(content["key"]), store.cells.readable, lambda: list(store.summaries)):
        with pytest.raises(StoreError, match=r"record format 2.*upgrade uebench") as caught:
            read()
        assert not isinstance(caught.value, DamagedError)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\ud800", '{"key": "\\ud800"}', "[" * 100_000, '{"key": 1}'])
def test_a_damaged_failure_is_none(tmp_path: Path, text: str) -> None:
    store, key = Store(tmp_path), made_up().key
    store.work.write_failure(Failure(key=key, title="lsp", kind="CellError", message="diverged"))
    store.work.failure_path(key).write_bytes(text.encode(errors="surrogatepass"))
    assert store.failures() == []
    with pytest.raises(DamagedError, match="damaged failure") as caught:
        store.find(key)
    assert "\n" not in str(caught.value)


def test_a_failure_in_the_folder_of_another_key_is_none(tmp_path: Path) -> None:
    store, key = Store(tmp_path), made_up().key
    store.work.write_failure(Failure(key=key, title="lsp", kind="CellError", message="diverged"))
    (store.work.folder / key).rename(store.work.folder / "ab12")
    assert store.work.read_failure("ab12") is None


def protected_set(key: str | None, level: int = 0) -> ProtectedSet:
    audit = made_up().audit.model_copy(update={"max_levels": level})
    meta = ProtectedMeta(protect_key=key, audit=audit, fit_seconds=1.0, protect_seconds=2.0)
    return ProtectedSet(np.full((2, 3, 8, 8), level, np.int8), meta)


def of_set(cell: Record, level: int) -> ProtectionRecord:
    """Return the record of the protected set that a cell attacked."""
    return protection_of(cell, None).model_copy(update={"audit": protected_set(None, level).meta.audit})


def test_a_protected_set_on_the_path_of_another_is_not_believed_not_even_for_what_stands_beside_it(
    tmp_path: Path,
) -> None:
    store, one, other = Store(tmp_path), "ab" + "0" * 62, "ab" + "1" * 62
    store.sets.write(protected_set(one))
    shutil.copy(store.sets.path(one), store.sets.path(other))
    with pytest.raises(DamagedError, match=f"belongs to the key {one[:12]}"):
        store.sets.read(other)
    assert store.set_metas.read_or_none(other) is None


def test_an_early_set_that_does_not_name_its_key_is_not_believed_if_its_record_is_of_another_one(
    tmp_path: Path,
) -> None:
    store, cell = Store(tmp_path), made_up()
    key = cell.protect_key
    atomic.put(store.sets.path(key), store.sets.content(protected_set(None)))
    assert store.sets.read(key)
    store.protections.write(of_set(cell, level=0))
    assert store.sets.read(key)
    store.protections.write(of_set(cell, level=3))
    with pytest.raises(DamagedError, match="its record is of another one"):
        store.sets.read(key)


def test_a_protected_set_in_the_wrong_folder_is_named(tmp_path: Path) -> None:
    store, key = Store(tmp_path), "ab" + "0" * 62
    store.sets.write(protected_set(key))
    moved = tmp_path / "blobs" / "cd" / store.sets.path(key).name
    moved.parent.mkdir()
    store.sets.path(key).rename(moved)
    assert verify(store, lambda _: True).faults == [f"{moved}: damaged protected set (it lies in the wrong folder)"]
