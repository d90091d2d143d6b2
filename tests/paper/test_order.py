"""What decides most in an hour is computed first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY
from uebench.paper.order import Worth, in_order
from uebench.paper.request import TableRequest
from uebench.paper.tables import TABLES
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.grid import Grid, PlannedCell, Planner
from uebench.plugins.registry import Registry
from uebench.store.atomic import publish
from uebench.store.store import Store


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(Registry(), Store(tmp_path))


def test_headlines_come_first_then_first_runs_then_what_serves_most_for_its_time(planner: Planner) -> None:
    grid = Grid(
        method=("lsp", "random"), attacker=("resnet18", "resnet50", "resnet18+jpeg"), data=(TINY,), seed=(0, 1),
        preset="smoke",
    )  # fmt: skip

    def worth(cell: CellSpec) -> Worth:
        return Worth(1 if cell.countermeasures else 0, 4 if cell.attacker.name == "resnet50" else 1)

    def seconds(one: CellSpec | ProtectionSpec) -> float | None:
        if isinstance(one, ProtectionSpec):
            return 100 if one.method.name == "lsp" else 1
        return None if one.attacker.name == "resnet50" else 30

    def named(cells: list[PlannedCell]) -> list[str]:
        return [f"{c.spec.protection.method.name} {c.spec.attacker_text} {c.spec.seed}" for c in cells]

    cells = planner.plan(grid).cells
    first = named(in_order(cells, worth, seconds))
    assert first[:4] == ["random resnet50 0", "random resnet18 0", "lsp resnet50 0", "lsp resnet18 0"]
    assert {one[-1] for one in first[4:8]} == {"1"} and not any("jpeg" in one for one in first[:8])
    assert [one[-6:] for one in first[8:]] == ["jpeg 0", "jpeg 0", "jpeg 1", "jpeg 1"]
    there = [one.spec.protect_key for one in cells if one.spec.protection.method.name == "random"]
    assert named(in_order(cells, worth, lambda one: 9 if isinstance(one, ProtectionSpec) else 1, there))[0][0] == "r"


def test_a_cell_is_worth_the_entries_and_claims_that_need_it(planner: Planner) -> None:
    request = TableRequest([TABLES["3"], TABLES["5"]], [TINY], "smoke", planner)
    worth = request.worth()
    found = {(one.spec.protection.method.name, one.spec.attacker.name): worth(one.spec) for one in request.plan().cells}
    assert found["lsp", "resnet18"] == (0, 2)  # an entry of each table
    assert found["segue", "resnet18"] == (0, 3)  # and a claim
    assert found["segue", "inception_v3"] == found["lsp", "inception_v3"] == (1, 2)
    assert found["lsp", "resnet50"] == (1, 1)
    assert found["clean", "inception_v3"] == (1, 7 + 5)


def test_tables_are_planned_for_several_method_seeds_but_for_what_is_trained_once(planner: Planner) -> None:
    sets = [TINY, f"vggface10={TINY.replace('3', '2')}"]
    request = TableRequest([TABLES["6"]], sets, "smoke", planner, method_seed=(0, 2))
    (file,) = (file for file, place in request.trainings().items() if place.row == "segue")
    publish(file, b"weights")
    seeds: dict[str, set[int]] = {}
    for one in request.plan().cells:
        kind = f"{one.spec.protection.method.name} on {one.spec.data.num_classes}"
        seeds.setdefault(kind, set()).add(one.spec.protection.method_seed)
    assert seeds["ue on 3"] == seeds["lsp on 2"] == {0, 2}
    assert seeds["segue on 2"] == seeds["clean on 3"] == {0}
