"""The record of a protected set: measured once, kept beside the cells, read instead of measured again."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, Command
from uebench.store.atomic import put
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import ProtectionTimings
from uebench.store.store import ProtectedSet, Store

pytestmark = pytest.mark.usefixtures("small_networks")

AUDIT = ("audit", "--preset", "smoke", "--data", TINY, "--method")
ATTACK = ("--method", "lsp", "--attacker", "resnet18")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def only(store: Store) -> tuple[Path, ProtectionRecord]:
    ((path, record),) = store.protections
    assert record is not None
    return path, record


def blob(store: Store) -> Path:
    (path,) = (store.root / "blobs").rglob("*.safetensors")
    return path


def test_an_attack_leaves_the_record_of_its_protected_set(tiny_run: Command, store: Store, tmp_path: Path) -> None:
    (cell,) = tiny_run(*ATTACK, "--json").json
    path, checked = only(store)
    attack = Record.model_validate(cell["record"])
    assert path == store.protections.path(checked.protect_key)
    for name in ("protect_key", "data_key", "data", "method", "method_seed", "audit", "side_information"):
        assert getattr(checked, name) == getattr(attack, name)
    assert checked.protected_digest == attack.protected_digest is not None
    assert checked.quality.psnr == checked.audit.psnr_mean
    assert 0 < checked.quality.ssim < 1
    assert checked.quality.n == 18
    assert checked.provenance is not None
    assert list(checked.provenance.sources) == ["lsp"]
    assert str(tmp_path) not in path.read_text()
    assert str(ROOT) not in path.read_text()


def test_the_record_says_how_the_methods_training_went(uebench: Command, store: Store) -> None:
    uebench(*AUDIT, "segue")
    _, record = only(store)
    assert record.fit is not None
    assert (record.fit.rounds, record.fit.stopped) == (2, "rounds")
    assert (record.peak_memory_mib is not None) == (sys.platform == "linux")
    assert [one.surrogate is None for one in record.fit.curve] == [False, True]
    assert all(one.objective for one in record.fit.curve)
    found = store.sets.read(record.protect_key)
    assert found is not None and found.meta.fit == record.fit
    shown = uebench("show", record.protect_key[:8]).out
    assert f"2 rounds, stopped: rounds, surrogate loss {record.fit.curve[0].surrogate:.3g}" in shown


def test_an_unchanged_set_has_no_psnr(uebench: Command, store: Store) -> None:
    answer = uebench(*AUDIT, "clean")
    assert only(store)[1].quality.model_dump() | {"lpips_reason": ""} == {
        "psnr": None, "ssim": 1.0, "lpips": None, "lpips_reason": "", "trunk": None, "n": 18,
    }  # fmt: skip
    assert "no LPIPS: no trunk given; uebench audit --lpips-trunk FILE measures it" in answer.err


def test_a_record_that_is_missing_comes_from_the_stored_set(uebench: Command, store: Store) -> None:
    uebench(*AUDIT, "lsp")
    path, record = only(store)
    made = blob(store).stat().st_mtime_ns
    shutil.rmtree(store.root / "protected")
    uebench(*AUDIT, "lsp")
    assert only(store) == (path, record)
    assert blob(store).stat().st_mtime_ns == made


def test_a_set_of_an_earlier_version_gets_a_record_without_provenance(tiny_run: Command, store: Store) -> None:
    tiny_run(*ATTACK)
    _, record = only(store)
    found = store.sets.read(record.protect_key)
    assert found is not None
    old = ProtectedSet(found.delta, found.meta.model_copy(update={"provenance": None, "protect_key": None}))
    put(store.sets.path(record.protect_key), store.sets.content(old))
    shutil.rmtree(store.root / "protected")
    tiny_run(*ATTACK, "--seed", 1)
    assert only(store)[1] == record.model_copy(update={"provenance": None, "protected_digest": old.digest})


def test_a_record_outlives_its_set_and_a_new_set_does_not_replace_it(
    uebench: Command, tiny_run: Command, store: Store
) -> None:
    first = uebench(*AUDIT, "lsp")
    path, _ = only(store)
    content = path.read_bytes()
    shutil.rmtree(store.root / "blobs")
    assert uebench(*AUDIT, "lsp").out == first.out
    assert not (store.root / "blobs").exists()
    assert tiny_run(*ATTACK).code == 0
    assert blob(store).exists()
    assert path.read_bytes() == content
    tiny_run(*ATTACK, "--force")
    assert path.read_bytes() != content


def test_lpips_is_added_to_a_known_record(uebench: Command, store: Store, trunk: Path) -> None:
    uebench(*AUDIT, "lsp")
    path, before = only(store)
    shutil.rmtree(store.root / "blobs")
    (told,) = uebench(*AUDIT, "lsp", "--lpips-trunk", trunk, "--json").json
    after = ProtectionRecord.model_validate(told)
    assert only(store) == (path, after)
    assert after.quality.lpips is not None and after.quality.lpips > 0
    assert after.quality.lpips_reason is None
    assert after.quality.trunk is not None and len(after.quality.trunk) == 64
    assert after.model_copy(update={"quality": before.quality}) == before
    content = path.read_bytes()
    assert "no LPIPS" not in uebench(*AUDIT, "lsp").err
    uebench(*AUDIT, "lsp", "--lpips-trunk", trunk)
    assert path.read_bytes() == content
    assert uebench("show", before.protect_key[:9]).out.count(f"LPIPS {after.quality.lpips:.4f}") == 1


def test_the_record_of_another_set_gives_way_to_that_of_the_one_at_hand(
    uebench: Command, store: Store, trunk: Path
) -> None:
    uebench(*AUDIT, "lsp")
    _, record = only(store)
    timings = ProtectionTimings(fit_seconds=9, protect_seconds=9)
    audit = record.audit.model_copy(update={"l2_mean": 9.0})
    store.protections.write(record.model_copy(update={"audit": audit, "timings": timings}))
    uebench(*AUDIT, "lsp", "--lpips-trunk", trunk)
    assert only(store)[1].model_copy(update={"quality": record.quality}) == record


def test_an_attack_replaces_the_record_of_another_set_even_if_the_set_at_hand_is_stored(
    tiny_run: Command, store: Store
) -> None:
    tiny_run(*ATTACK)
    _, record = only(store)
    audit = record.audit.model_copy(update={"l2_mean": 9.0})
    store.protections.write(record.model_copy(update={"audit": audit}))
    tiny_run(*ATTACK, "--seed", 1)
    assert only(store)[1] == record


def test_a_damaged_record_is_noticed_and_measured_again(uebench: Command, store: Store) -> None:
    uebench(*AUDIT, "lsp")
    path, record = only(store)
    path.write_text(path.read_text().replace('"ssim": 0.', '"ssim": 1.'))
    status = uebench("status")
    assert status.code == 4
    assert "0 cells, 1 damaged, 0 failed, 0 protected sets" in status.out
    assert "for a protected set: uebench audit" in status.err
    assert uebench(*AUDIT, "lsp").code == 0
    assert only(store)[1] == record
    assert uebench("status").code == 0


def test_status_counts_protected_sets_and_show_shows_one(uebench: Command, store: Store) -> None:
    uebench(*AUDIT, "lsp", "--method", "clean")
    assert "0 cells, 0 damaged, 0 failed, 2 protected sets" in uebench("status").out
    keys = uebench("status", "--json").json["protected"]
    assert keys == [path.stem for path, _ in store.protections]
    for key in keys:
        out = uebench("show", key[:12]).out
        assert key in out
        assert "LPIPS - (no trunk given" in out
        assert ProtectionRecord.model_validate(uebench("show", key, "--json").json) == store.protections.read(key)


def test_weights_for_lpips_that_are_not_there_are_refused_before_any_work(
    uebench: Command, store: Store, tmp_path: Path
) -> None:
    answer = uebench(*AUDIT, "lsp", "--lpips-trunk", tmp_path / "absent.pth")
    assert answer.code == 3
    assert "absent.pth: cannot be read (no such file or directory)" in answer.complaint
    assert not (store.root / "blobs").exists()


def test_a_disk_that_is_full_or_a_folder_in_the_way_is_said_in_one_line(
    uebench: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    uebench(*AUDIT, "lsp")
    shutil.rmtree(store.root / "protected")
    (store.root / "protected").write_text("")
    answer = uebench(*AUDIT, "lsp")
    assert answer.code == 4
    assert "choose another results folder" in answer.err.splitlines()[-1]
    (store.root / "protected").unlink()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("uebench.store.atomic.os.fsync", full)
    answer = uebench(*AUDIT, "lsp")
    assert answer.code == 4
    assert "no space left on device" in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err
    assert not list(store.root.rglob(".new-*"))
