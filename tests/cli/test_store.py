"""``uebench store``, and what the other commands make of a results folder that is damaged, full, or read-only."""

from __future__ import annotations

import csv
import errno
import importlib.util
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import QUICK, TINY, Command
from tests.records import made_up
from tests.store.test_gc import tree
from tests.store.test_seal import PLACES, put, write
from uebench import run
from uebench.analysis.frame import COLUMNS
from uebench.store.store import Store

LSP = ("--method", "lsp", "--attacker", QUICK)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two made-up cells."""
    store = Store(tmp_path / "results")
    store.cells.write(made_up("clean", correct=160))
    store.cells.write(made_up("lsp", correct=40))
    return store


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the smallest grid, computed once."""
    folder = tmp_path_factory.mktemp("finished")
    run("lsp", QUICK, data=TINY, preset="smoke", results=folder, executor="serial")
    return folder


@pytest.fixture
def finished(template: Path, tmp_path: Path) -> Store:
    """A store in which the smallest grid is finished."""
    shutil.copytree(template, tmp_path / "results")
    return Store(tmp_path / "results")


def test_verify_names_every_fault_in_one_line(uebench: Command, finished: Store) -> None:
    answer = uebench("store", "verify")
    assert answer.code == 0, answer.err
    assert answer.out == "verified 1 cells, 1 records of protected sets, 1 protected sets and 0 models: 0 damaged\n"
    ((cell, record),) = finished.cells
    assert record
    key = record.protect_key
    moved = finished.root / "cells" / "ab" / f"ab{'0' * 62}.json"
    moved.parent.mkdir(exist_ok=True)
    shutil.copy(cell, moved)
    other = "cd" + "0" * 62
    finished.sets.path(other).parent.mkdir()
    shutil.copy(finished.sets.path(key), finished.sets.path(other))
    finished.sets.path(key).write_bytes(finished.sets.path(key).read_bytes()[:-1])
    put("fifo", finished.protections.path(key))
    put("folder", finished.work.failure_path(other))
    content = record.model_dump(mode="json") | {"seed": 7}  # with the right digest
    write(finished, content, record.key)
    answer = uebench("store", "verify")
    assert answer.code == 4
    assert "6 damaged; run the commands of these cells again" in answer.complaint
    *faults, _ = answer.out.splitlines()
    for path, fault in (
        (cell, "damaged record (its key does not follow from what it says)"),
        (moved, f"damaged record (it belongs to the key {record.key[:12]})"),
        (finished.protections.path(key), "damaged record (a named pipe, not a file)"),
        (finished.sets.path(key), "damaged protected set (unreadable)"),
        (finished.sets.path(other), f"damaged protected set (it belongs to the key {key[:12]})"),
        (finished.work.failure_path(other), "damaged failure (a folder, not a file)"),
    ):
        assert f"{path}: {fault}" in faults
    assert uebench("store", "verify", "--json").json["faults"] == faults


def test_a_set_whose_record_is_of_another_one_is_a_fault(uebench: Command, finished: Store) -> None:
    ((_, record),) = finished.protections
    assert record
    finished.protections.write(record.model_copy(update={"audit": record.audit.model_copy(update={"max_levels": 1})}))
    answer = uebench("store", "verify")
    assert answer.code == 4
    blob = finished.sets.path(record.protect_key)
    assert f"{blob}: damaged protected set (its record is of another one)" in answer.out


def test_damage_is_computed_again_and_then_nothing_is_wrong(
    uebench: Command, tiny_run: Command, finished: Store
) -> None:
    ((cell, record),) = finished.cells
    assert record
    put("folder", cell)
    put("loop", finished.protections.path(record.protect_key))
    put("fifo", finished.sets.path(record.protect_key))
    finished.work.write_checkpoint(record.protect_key, "perturb", b"of a run that was killed when it had made the set")
    answer = tiny_run(*LSP)
    assert answer.code == 0, answer.err
    assert "damaged record (a folder, not a file); computing it again" in answer.err
    assert uebench("store", "verify").code == 0
    again = finished.cells.read(record.key)
    assert again
    assert again.counts == record.counts
    assert finished.work.read_checkpoint(record.protect_key, "perturb") is None
    assert "/.new-" in uebench("store", "gc", "--delete").out  # the folder that stood there
    assert not list(finished.root.rglob(".new-*"))


def test_gc_lists_and_deletes_only_if_asked(uebench: Command, store: Store) -> None:
    key = made_up("lsp", correct=40).key
    store.work.write_checkpoint(key, "train", b"x" * 2_000_000)
    answer = uebench("store", "gc")
    assert answer.code == 0
    assert f"{store.work.folder / key}: the work of something finished, 2.0 MB" in answer.out
    assert "1 in all, 2.0 MB; --delete deletes this" in answer.out
    assert uebench("store", "gc", "--json").json["bytes"] == 2_000_032
    assert store.work.read_checkpoint(key, "train")
    assert "1 in all, 2.0 MB; deleted" in uebench("store", "gc", "--delete").out
    assert not (store.work.folder / key).exists()
    assert "nothing to delete" in uebench("store", "gc").out


def test_merge_says_what_it_took_and_what_it_did_not(uebench: Command, store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.cells.write(made_up("ue"))
    mine = made_up("lsp", correct=40)
    other.cells.write(made_up("lsp", correct=41).model_copy(update={"key": mine.key}))
    other.cells.write(made_up("rue"))
    other.cells.path(made_up("rue").key).write_text("{}")
    answer = uebench("store", "merge", other.root)
    assert answer.code == 4
    assert "files not copied: 1 conflict, 1 damaged, 0 busy; " in answer.complaint
    assert f"conflict: {other.cells.path(mine.key)}: differs from the one here" in answer.out
    assert f"damaged: {other.cells.path(made_up('rue').key)}: damaged record" in answer.out
    assert "files copied: 1, here already: 0" in answer.out
    assert store.cells.read(mine.key) == mine
    assert store.cells.read(made_up("ue").key) == made_up("ue")
    assert "no results folder" in uebench("store", "merge", tmp_path / "absent").complaint


def test_merge_copies_nothing_if_one_of_several_folders_is_not_there(uebench: Command, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.cells.write(made_up("ue"))
    into = ("--results", tmp_path / "into")
    assert "no results folder" in uebench("store", "merge", other.root, tmp_path / "absent", *into).complaint
    assert not (tmp_path / "into").exists()
    assert uebench("store", "merge", other.root, *into).code == 0
    assert "itself; name another one" in uebench("store", "merge", other.root, tmp_path / "into", *into).complaint


def test_export_writes_every_record_as_csv(uebench: Command, store: Store, tmp_path: Path) -> None:
    store.cells.write(made_up("ue"))
    store.cells.path(made_up("ue").key).write_text("{}")
    answer = uebench("store", "export", tmp_path / "cells.csv")
    assert answer.code == 0
    assert "1 damaged record left out: " in answer.err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "cells.csv").read_text())))
    assert list(rows[0]) == list(COLUMNS)
    assert {(row["method"], row["correct"]) for row in rows} == {("clean", "160"), ("lsp", "40")}


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_export_without_pyarrow_says_what_to_install(uebench: Command, store: Store, tmp_path: Path) -> None:
    answer = uebench("store", "export", tmp_path / "cells.parquet")
    assert answer.code == 2
    assert "pip install pyarrow" in answer.complaint


def test_export_writes_parquet_that_pandas_reads(uebench: Command, store: Store, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    side = {"labels": 0.8, "purity": {"correct": 8, "n": 10}}
    store.cells.write(made_up("ue", side_information=side))
    assert uebench("store", "export", tmp_path / "cells.parquet").code == 0
    assert set(pandas.read_parquet(tmp_path / "cells.parquet")["labels"]) == {"true", "0.8"}


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("verify", "--results", "absent"), 4, "results 'absent': no such folder"),
        (("gc", "--results", "absent"), 4, "results 'absent': no such folder"),
        (("export", "cells.txt"), 2, "cells.txt: end the name with .csv or .parquet"),
        (("export", "/dev/null/cells.csv"), 4, "cannot be written"),
    ],
)
def test_wrong_requests_are_refused(
    uebench: Command, store: Store, args: tuple[str, ...], code: int, says: str
) -> None:
    answer = uebench("store", *args)
    assert answer.code == code
    assert says in answer.complaint


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", PLACES)
def test_every_reader_names_what_is_no_file_and_goes_on(
    uebench: Command, store: Store, tmp_path: Path, kind: str
) -> None:
    path = store.cells.path(made_up("ue").key)
    put(kind, path)
    for args in (("table", 5), ("compare",), ("report", "--html", tmp_path / "out.html")):
        answer = uebench(*args)
        assert answer.code == 0, answer.err
        assert f"1 damaged record left out: {path}; uebench store verify explains" in answer.err
    answer = uebench("status")
    assert answer.code == 4
    assert "2 cells, 1 damaged" in answer.out
    assert str(path) in answer.complaint
    answer = uebench("show", path.stem)
    assert answer.code == 4
    assert f"{path}: damaged record" in answer.complaint


def test_table_names_at_most_three_damaged_records_in_one_line(uebench: Command, store: Store) -> None:
    for number in range(5):
        put("folder", store.cells.path(f"{number}b" + "0" * 62))
    assert f"5 damaged records left out: {store.root}" in (line := uebench("table", 5).complaint)
    assert line.count(".json") == 3
    assert " and 2 more; uebench store verify explains" in line


def test_a_store_of_a_newer_version_is_refused_by_every_reader(uebench: Command, store: Store, tmp_path: Path) -> None:
    newer = made_up("ue")
    write(store, newer.model_dump(mode="json") | {"format": 2}, newer.key)
    for args in (("status",), ("table", 5), ("show", newer.key), ("store", "verify"), ("store", "merge", store.root)):
        answer = uebench(*args, *(("--results", tmp_path / "new") if "merge" in args else ()))
        assert answer.code == 4
        assert "upgrade uebench" in answer.complaint


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every change, as a read-only file system does; root may write whatever permissions say."""

    def refuse(*_: object, **__: object) -> Any:  # noqa: ANN401
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "link", "symlink", "chmod", "utime"):
        monkeypatch.setattr(os, name, refuse)
    opened = os.open

    def reading(path: Any, flags: int, *args: Any, **names: Any) -> int:  # noqa: ANN401
        return refuse() if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else opened(path, flags, *args, **names)

    monkeypatch.setattr(os, "open", reading)


@pytest.mark.usefixtures("finished", "read_only")
def test_what_is_finished_is_shown_from_a_read_only_folder(uebench: Command, tiny_run: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    before = tree(store)
    ((path, _),) = store.cells
    for answer in (
        tiny_run(*LSP), tiny_run(*LSP, "--dry-run"), uebench("show", path.stem), uebench("status"), uebench("compare"),
        uebench("table", 5, "--preset", "smoke"), uebench("store", "verify"), uebench("store", "gc"),
    ):  # fmt: skip
        assert answer.code == 0, answer.err
    assert tree(store) == before


@pytest.mark.usefixtures("finished", "read_only")
def test_what_is_not_finished_is_refused_in_one_line_by_a_read_only_folder(tiny_run: Command) -> None:
    answer = tiny_run(*LSP, "--seed", 1)
    assert answer.code == 4
    assert "read-only file system" in answer.complaint
    assert "choose another results folder" in answer.complaint


def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_the_next_one_resumes(
    tiny_run: Command, uebench: Command, tmp_path: Path
) -> None:
    replace = Path.replace
    for suffix in (".safetensors", ".json", ".checkpoint"):

        def full(self: Path, target: Path, suffix: str = suffix) -> Path:
            if target.suffix == suffix:
                raise OSError(errno.ENOSPC, "No space left on device")
            return replace(self, target)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "replace", full)
            patch.setattr("uebench.evaluation.checkpoints.EARLY", 0.0)
            answer = tiny_run(*LSP)
        assert answer.code == 4
        last = answer.err.splitlines()[-1]
        assert "no space left on device" in last
        assert "free space and run again" in last
        assert "Traceback" not in answer.err
        assert not list((tmp_path / "results").rglob(".new-*"))
    assert tiny_run(*LSP).code == 0
    assert uebench("store", "verify").code == 0


def test_a_run_forgets_the_work_of_a_cell_that_was_killed_when_it_was_finished(
    tiny_run: Command, finished: Store
) -> None:
    ((_, record),) = finished.cells
    assert record
    finished.work.write_checkpoint(record.key, "train", b"weights")
    assert tiny_run(*LSP).code == 0
    assert finished.work.read_checkpoint(record.key, "train") is None
