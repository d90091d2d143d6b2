"""What commands say of a folder in a results folder that cannot be read, as a link to itself or to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.records import made_up
from uebench.store.store import Store


@pytest.fixture(params=["itself", "nothing"])
def lost(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of records that has become a bad link, in a store whose other folder has a record."""
    store = Store(tmp_path / "results")
    for method, correct in (("clean", 160), ("lsp", 40)):
        store.cells.write(made_up(method, correct=correct))
    folder = store.cells.files()[0].parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(folder if request.param == "itself" else tmp_path / "nothing")
    return folder


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_shown(uebench: Command, lost: Path) -> None:
    status = uebench("status")
    assert (status.code, "1 cells, 1 damaged" in status.out) == (4, True)
    assert f"{lost}: damaged (1 in all" in status.complaint
    verified = uebench("store", "verify")
    assert verified.code == 4
    assert f"{lost}: not a folder that can be read (" in verified.out
    assert "verified 1 cells" in verified.out
    for command in (
        ("leaderboard", "--preset", "smoke"),
        ("report", "--html", lost.parents[2] / "page.html"),
        ("table", "1"),
    ):
        assert f"1 damaged record left out: {lost}" in uebench(*command).err


def test_a_folder_that_cannot_be_read_is_named_when_it_is_merged(uebench: Command, lost: Path, tmp_path: Path) -> None:
    merged = uebench("store", "merge", tmp_path / "results", "--results", tmp_path / "other")
    assert (merged.code, "files copied: 1" in merged.out) == (4, True)
    assert f"damaged: {lost}: not a folder that can be read (" in merged.out


def test_no_protected_set_is_garbage_while_records_cannot_be_read(uebench: Command, lost: Path) -> None:
    blob = Store(lost.parents[1]).sets.path("ab" * 32)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"a set")
    assert uebench("store", "gc", "--delete").code == 0
    assert blob.exists()


def test_a_link_to_itself_in_place_of_all_records_is_named(uebench: Command, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    cells = tmp_path / "results" / "cells"
    cells.symlink_to(cells)
    assert f"{cells}: damaged" in uebench("status").complaint
