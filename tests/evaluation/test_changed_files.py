"""A file on which a result depends may not change while the result is computed: the key would be that of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import QUICK, Command
from tests.plugin_files import BUDGET, UNCHANGED, plugin_file
from uebench.plugins.questions import assets
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.store.store import Store

OPTIONS = """
from pathlib import Path

class Options(Config):
    files: tuple[Path, ...] = ()
"""
WRITES = """
def fit(self, train, ctx):
    self.config.files[-1].write_text("another")
"""


@pytest.fixture
def method(tmp_path: Path) -> Path:
    return plugin_file(tmp_path / "mine.py", UNCHANGED + BUDGET + WRITES, options="Options", before=OPTIONS)


def test_files_in_a_list_are_part_of_the_key_and_their_folders_are_not(method: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    registry = Registry([method])
    plugin = registry.build("method", parse(f"mine(files=['{tmp_path / 'one'}', 'missing'])"))
    assert assets(plugin, 32) == (tmp_path / "one",)
    assert plugin.config.published() == {"files": ["one", "missing"]}
    at_home = registry.build("method", parse("mine(files=['~/one'])"))
    assert at_home.config.files == (Path.home() / "one",)


def test_a_method_whose_files_change_while_it_computes_is_refused(
    method: Path, tiny_run: Command, tmp_path: Path
) -> None:
    (tmp_path / "one").write_text("1")
    named = f"mine(files=['{tmp_path / 'one'}'])"
    answer = tiny_run("--plugin", method, "--method", named, "--attacker", QUICK, "--executor", "serial")
    assert answer.code == 1
    assert "one: changed since the plan was made; leave it as it is, and run again" in answer.err
    assert not list(Store(tmp_path / "results").cells) and not list(Store(tmp_path / "results").protections)


def test_a_protected_set_that_is_replaced_after_planning_is_refused(
    tiny_run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, planned = tmp_path / "set.npy", Store.__init__
    np.save(file, np.full((18, 32, 32, 3), 9, np.int8))

    def replaced(store: Store, root: Path) -> None:  # the computing side opens the store after planning
        planned(store, root)
        np.save(file, np.full((18, 32, 32, 3), 7, np.int8))

    perturbations = f'protected(file="{file}", name=ours, content=perturbations)'
    monkeypatch.setattr("uebench.evaluation.runner.Store", type("Late", (Store,), {"__init__": replaced}))
    answer = tiny_run("--method", perturbations, "--attacker", QUICK, "--executor", "serial")
    assert answer.code == 1
    assert "set.npy: changed since the plan was made" in answer.err
