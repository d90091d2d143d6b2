"""Records say whether the code that made them was that of a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from uebench.evaluation.provenance import commit_of


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with a module and a record."""
    _write(tmp_path / "uebench" / "code.py", tmp_path / "results" / "cells" / "01" / "old.json")
    me = ("-c", "user.name=me", "-c", "user.email=me@localhost", "-c", "commit.gpgsign=false")
    for command in (("init", "--quiet"), ("add", "."), (*me, "commit", "--quiet", "-m", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    commit_of.cache_clear()
    return tmp_path


def _write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("changed\n" if file.exists() else "new\n")


@pytest.mark.parametrize("name", ["results/cells/01/old.json", "results/cells/04/new.json", "a folder/ä b.json"])
def test_results_do_not_make_it_another_code(name: str, checkout: Path) -> None:
    _write(checkout / name)
    commit = commit_of(checkout)
    assert commit
    assert len(commit) == 12


@pytest.mark.parametrize("name", ["uebench/code.py", "uebench/new/more.py", "results/cells/04/note.txt"])
def test_any_other_file_does(name: str, checkout: Path) -> None:
    _write(checkout / name, checkout / "results" / "cells" / "04" / "new.json")
    commit = commit_of(checkout)
    assert commit
    assert commit.endswith("+")


def test_without_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None
