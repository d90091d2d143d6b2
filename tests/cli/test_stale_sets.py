"""A protected set says who made it, and is not used again when its method would make another one today."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import TINY, Command
from tests.plugin_files import plugin_file
from uebench.plugins.source_digest import source_digest
from uebench.store.store import Store

pytestmark = pytest.mark.usefixtures("small_networks")

METHOD = """
earlier = {earlier}
def budget(self, size):
    return Budget("{norm}", 8 / 255)
def perturb(self, batch, ctx):
    return (batch.images + {levels} / 255).clamp(0, 1)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


def write(
    plugin: Path, levels: int | str = 2, version: int = 1, norm: str = "linf", earlier: dict[str, str] | None = None
) -> None:
    plugin_file(plugin, METHOD.format(levels=levels, norm=norm, earlier=earlier or {}), version=version)


def attack(tiny_run: Command, plugin: Path, attacker: str, *more: str) -> tuple[int, str]:
    answer = tiny_run("--plugin", plugin, "--method", "mine", "--attacker", attacker, *more)
    return answer.code, answer.err


def test_code_that_names_an_earlier_digest_goes_on_with_the_sets_and_records_of_that_code(
    tiny_run: Command, uebench: Command, plugin: Path
) -> None:
    write(plugin, levels="(2)")
    digest = source_digest(plugin.read_bytes(), "Mine", strict=True)
    assert attack(tiny_run, plugin, "resnet18")[0] == 0
    write(plugin, levels="(1 + 1)")
    assert attack(tiny_run, plugin, "resnet50")[0] == 1
    assert "1 cell" in uebench("status", "--stale", "--plugin", plugin).out
    write(plugin, levels="(1 + 1)", earlier={digest: "2 instead of 1 + 1"})
    code, said = attack(tiny_run, plugin, "resnet50")
    assert code == 0
    assert "has changed" not in said
    assert "0 cells" in uebench("status", "--stale", "--plugin", plugin).out


def test_a_run_says_that_other_code_made_earlier_cells(tiny_run: Command, plugin: Path) -> None:
    def run(seed: int) -> str:
        return tiny_run("--plugin", plugin, "--method", "mine", "--attacker", "resnet18", "--method-seed", seed).err

    write(plugin, levels=2)
    assert "made by other source code" not in run(0) + run(1)
    write(plugin, levels=4)
    said = run(2)
    assert "mine version 1: 2 of the cells in" in said and "made by other source code; raise its version" in said
    write(plugin, levels=4, version=2)
    assert "made by other source code" not in run(3)


def test_a_set_of_another_source_is_refused_before_work_and_made_again_by_force(
    tiny_run: Command, plugin: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "results")
    write(plugin, levels=2)
    assert attack(tiny_run, plugin, "resnet18")[0] == 0
    write(plugin, levels=4)
    code, said = attack(tiny_run, plugin, "resnet50")
    assert code == 1
    assert (
        "stale: synthetic3: mine vs resnet50, seed 0: its protected set was made by different source code of mine"
        in said
    )
    assert "raise its version, or use force" in said
    assert len(list(store.cells)) == 1
    assert "stale" in tiny_run("--plugin", plugin, "--method", "mine", "--attacker", "resnet50", "--dry-run").out
    assert attack(tiny_run, plugin, "resnet50", "--force")[0] == 0
    levels = {record.attacker[0].name: record.audit.max_levels for _, record in store.cells if record}
    assert levels == {"resnet18": 2, "resnet50": 4}


def test_an_audit_shows_no_set_of_another_source(tiny_run: Command, uebench: Command, plugin: Path) -> None:
    audit = ("audit", "--preset", "smoke", "--data", TINY, "--method", "mine", "--plugin", plugin, "--json")
    write(plugin, levels=2)
    assert uebench(*audit).json[0]["audit"]["max_levels"] == 2
    write(plugin, levels=4)
    answer = uebench(*audit)
    assert answer.code == 1
    assert "made by different source code of mine" in answer.json[0]["reason"]


def test_a_raised_version_makes_a_set_of_its_own(tiny_run: Command, plugin: Path) -> None:
    write(plugin, levels=2)
    attack(tiny_run, plugin, "resnet18")
    write(plugin, levels=4, version=2)
    assert attack(tiny_run, plugin, "resnet50")[0] == 0


def test_a_record_names_the_source_that_made_its_set(tiny_run: Command, plugin: Path, tmp_path: Path) -> None:
    write(plugin)
    attack(tiny_run, plugin, "resnet18")
    ((_, record),) = Store(tmp_path / "results").cells
    ((_, protection),) = Store(tmp_path / "results").protections
    assert record and protection and protection.provenance
    assert record.provenance.sources["mine"] == protection.provenance.sources["mine"]
    assert record.protected_digest == protection.protected_digest
    stored = Store(tmp_path / "results").sets.read(record.protect_key)
    assert stored and stored.digest == record.protected_digest


def test_a_set_made_under_another_budget_is_refused(tiny_run: Command, plugin: Path) -> None:
    write(plugin)
    attack(tiny_run, plugin, "resnet18")
    write(plugin, norm="none")
    assert "its protected set was made" in attack(tiny_run, plugin, "resnet50")[1]


def test_a_set_that_is_made_again_has_a_record_of_its_own(tiny_run: Command, plugin: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    write(plugin, levels=2)
    attack(tiny_run, plugin, "resnet18")
    shutil.rmtree(store.root / "blobs")  # as on a clean clone, which holds the records alone
    write(plugin, levels=4)
    code, said = attack(tiny_run, plugin, "resnet18(epochs=1)")
    assert (code, "made by different source code of mine" in said) == (1, True)
    assert attack(tiny_run, plugin, "resnet18(epochs=1)", "--force")[0] == 0
    ((_, protection),) = store.protections
    assert protection and protection.audit.max_levels == 4
    stored = store.sets.read(protection.protect_key)
    assert stored and stored.digest == protection.protected_digest


def test_reproducing_a_table_of_stale_sets_exits_as_a_run_of_them_does(
    uebench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.planning.grid.staleness", lambda *_: "its protected set was made by another source")
    answer = uebench("reproduce", "5", "--preset", "smoke", "--data", TINY)
    assert answer.code == 1
    assert "stale: " in answer.err
