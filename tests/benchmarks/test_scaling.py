"""The benchmark of many cells and many claims; what it measures is not to grow with the square of the cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scaling
from tests.records import as_asked
from uebench.planning import estimates
from uebench.planning.estimates import Conditions, Estimates
from uebench.planning.grid import Grid, Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store


def test_every_process_claims_every_key_and_each_is_done_once() -> None:
    rows = [scaling.claim(kind, 2, 10) for kind in ("locks", "leases")]
    assert [row["claims"] for row in rows] == [20, 20]
    assert "| leases" in scaling.table(rows)


def test_a_plan_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "fresh", lambda work, *args: work(*args))
    row = scaling.plan(40)
    assert (row["cells"], row["tasks"]) == (40, 44)
    assert "| 40 " in scaling.table([row])


def test_all_seeds_of_an_attack_are_estimated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.cells.write(as_asked("lsp", "resnet18", preset="smoke"))
    grid = Grid(method=("lsp",), attacker=("resnet18",), data=("synthetic",), preset="smoke", seed=tuple(range(50)))
    tasks = Planner(Registry(), store).plan(grid).tasks(store)
    looked = list[object]()
    compared = estimates._network

    def count(config: Mapping[str, Any]) -> dict[str, Any]:
        looked.append(config)
        return compared(config)

    monkeypatch.setattr(estimates, "_network", count)
    assert Estimates(store, Conditions("here", True, 1)).total(tasks).unknown == 0
    assert len(looked) == 2  # the record and the request
