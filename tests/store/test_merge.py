from __future__ import annotations

from pathlib import Path

import pytest

from tests.records import made_up
from tests.store.test_model import write_model
from tests.store.test_seal import of_set, protected_set
from uebench.errors import UsageError
from uebench.regular_files import read_regular
from uebench.store.atomic import put
from uebench.store.merge import merge
from uebench.store.record import ProtectionRecord
from uebench.store.store import Store

ONE, TWO = made_up("lsp"), made_up("ue")


@pytest.fixture
def here(tmp_path: Path) -> Store:
    return Store(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Store:
    """A store with two cells, and the protected set of both."""
    store = Store(tmp_path / "there")
    store.cells.write(ONE)
    store.cells.write(TWO)
    store.sets.write(protected_set(ONE.protect_key))
    store.protections.write(of_set(ONE, level=0))
    return store


def outcomes(here: Store, there: Store) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in merge(here, there):
        found.setdefault(one.outcome, []).append(one.path.stem)
        assert bool(one.reason) == (one.outcome not in ("taken", "same"))
    return found


def content(store: Store) -> dict[Path, bytes]:
    return {path.relative_to(store.root): path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def test_a_merge_takes_every_byte_and_a_second_one_nothing(here: Store, there: Store) -> None:
    assert len(outcomes(here, there)["taken"]) == 4
    assert content(here) == content(there)
    assert outcomes(here, there).keys() == {"same"}


def test_a_run_that_measured_the_same_is_the_same(here: Store, there: Store) -> None:
    slower = ONE.timings.model_copy(update={"train_seconds": 1e6})
    here.cells.write(ONE.model_copy(update={"timings": slower}))
    assert ONE.key in outcomes(here, there)["same"]
    assert here.cells.read(ONE.key).timings == slower  # type: ignore[union-attr]


def test_what_says_something_else_is_named_and_stays_as_it_is(here: Store, there: Store) -> None:
    mine = made_up("lsp", correct=13).model_copy(update={"key": ONE.key})
    here.cells.write(mine)
    found = outcomes(here, there)
    assert found["conflict"] == [ONE.key]
    assert here.cells.read(ONE.key) == mine
    assert here.cells.read(TWO.key) == TWO


def test_a_set_that_is_not_the_one_of_the_record_here_is_not_taken(here: Store, there: Store) -> None:
    here.protections.write(of_set(ONE, level=3))
    assert outcomes(here, there)["conflict"] == [ONE.protect_key] * 2
    assert here.sets.read(ONE.protect_key) is None


def test_damage_there_is_refused_and_damage_here_is_mended(here: Store, there: Store) -> None:
    there.cells.path(ONE.key).write_text("{}")
    there.sets.path(ONE.protect_key).write_bytes(b"")
    here.cells.write(TWO)
    here.cells.path(TWO.key).write_text("{}")
    found = outcomes(here, there)
    assert sorted(found["damaged"]) == sorted([ONE.key, ONE.protect_key])
    assert here.cells.read(ONE.key) is None
    assert here.sets.read(ONE.protect_key) is None
    assert here.cells.read(TWO.key) == TWO


def test_what_is_being_computed_here_is_left_alone(here: Store, there: Store) -> None:
    with here.claims.claim(ONE.key):
        assert outcomes(here, there)["busy"] == [ONE.key]
    assert outcomes(here, there)["taken"] == [ONE.key]


def test_a_merge_that_was_ended_leaves_whole_files_and_can_be_run_again(
    here: Store, there: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    count = [0]

    def ending(path: Path, content: bytes) -> None:
        count[0] += 1
        if count[0] == 3:
            raise Killed
        put(path, content)

    monkeypatch.setattr("uebench.store.merge.put", ending)
    with pytest.raises(Killed):
        merge(here, there)
    assert len(content(here)) == 2
    monkeypatch.undo()
    merge(here, there)
    assert content(here) == content(there)


def test_a_kept_model_comes_along_with_the_record_of_its_cell(here: Store, there: Store) -> None:
    write_model(there, ONE.key)
    assert ONE.key in outcomes(here, there)["taken"]
    assert content(here) == content(there)
    assert outcomes(here, there).keys() == {"same"}


def test_a_model_of_another_measurement_than_the_one_here_is_not_taken(here: Store, there: Store) -> None:
    here.cells.write(made_up("lsp", correct=13).model_copy(update={"key": ONE.key}))
    write_model(there, ONE.key)
    lost = "ab" + "0" * 62
    write_model(there, lost)
    assert sorted(outcomes(here, there)["conflict"]) == sorted([ONE.key, ONE.key, lost])
    assert not here.models.files()


def test_the_model_here_stays_and_a_damaged_one_is_neither_taken_nor_kept(here: Store, there: Store) -> None:
    write_model(here, ONE.key, weight=1.0)
    write_model(there, ONE.key, weight=2.0)
    assert outcomes(here, there)["same"] == [ONE.key]
    assert here.models.path(ONE.key).read_bytes() != there.models.path(ONE.key).read_bytes()
    here.models.path(ONE.key).write_bytes(b"")
    assert outcomes(here, there)["taken"] == [ONE.key]
    there.models.path(ONE.key).write_bytes(b"")
    assert outcomes(here, there)["damaged"] == [ONE.key]


def test_a_folder_that_is_no_store_is_refused(here: Store, there: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results folder"):
        merge(here, Store(tmp_path / "absent"))
    with pytest.raises(UsageError, match="name another one"):
        merge(there, there)


def test_a_file_in_the_wrong_folder_is_refused(here: Store, there: Store) -> None:
    lost = there.root / "cells" / "zz" / f"{ONE.key}.json"
    lost.parent.mkdir()
    lost.write_text("{}")
    found = outcomes(here, there)
    assert found["damaged"] == [ONE.key]
    assert ONE.key in found["taken"]
    assert here.cells.read(ONE.key) == ONE


def test_a_set_of_any_size_is_merged(here: Store, there: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {}

    def read(path: Path, most: int | None) -> bytes:
        limits[path] = most
        return read_regular(path, most)

    monkeypatch.setattr("uebench.store.seal.read_regular", read)
    merge(here, there)
    assert limits[there.sets.path(ONE.protect_key)] is None


def test_a_cell_is_not_taken_if_other_code_made_its_set(here: Store, there: Store) -> None:
    name = ONE.method.name

    def by(digest: str, level: int) -> ProtectionRecord:
        made = of_set(ONE, level)
        return made.model_copy(update={"provenance": ONE.provenance.model_copy(update={"sources": {name: digest}})})

    mine = ONE.model_copy(update={"provenance": ONE.provenance.model_copy(update={"sources": {name: "aa" * 32}})})
    there.cells.write(mine)
    for digest, level, outcome in (("aa" * 32, 3, "taken"), ("bb" * 32, 3, "conflict")):
        here.cells.path(ONE.key).unlink(missing_ok=True)
        here.protections.write(by(digest, level))
        reasons = {one.path.stem: one for one in merge(here, there)}
        assert reasons[ONE.key].outcome == outcome
    assert f"other code of '{name}' made its protected set" in reasons[ONE.key].reason
