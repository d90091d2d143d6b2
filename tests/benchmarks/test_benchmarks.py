"""The benchmarks of start-up and growth run; ``grid`` takes too long for a test, and is four times ``uebench run``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth, startup
from uebench.planning.grid import Planner
from uebench.plugins.registry import Registry
from uebench.store.store import Store


def test_start_up_is_measured_against_a_bare_python() -> None:
    rows = startup.measure(quick=True)
    assert [row.what.split(",")[0] for row in rows] == [
        "uebench --help", "uebench list", "uebench status", "uebench run",
    ]  # fmt: skip
    assert all(row.ours > row.theirs > 0 for row in rows)


def test_a_made_up_store_holds_every_cell_of_its_grid(tmp_path: Path) -> None:
    grid = startup.grid_of(40)
    startup.finish(grid, tmp_path)
    store = Store(tmp_path)
    cells = Planner(Registry(), store).plan(grid).cells
    assert [cell.status for cell in cells] == ["done"] * 40
    assert len(list(store.cells)) == 40


def test_growth_is_measured_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "fresh", lambda work, *args: work(*args) | {"peak_mib": 1.0})
    rows = growth.measure(quick=True)
    assert [row["images"] for row in rows] == [32, 64]
    assert all(row["seconds"] > 0 for row in rows)
    growth.picture(rows, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000
    assert "| `lsp` |" in growth.table(rows)


def test_a_slope_is_the_exponent() -> None:
    places = np.array([32, 64, 128])
    assert growth.slope(places, 3.0 * places**1.5) == pytest.approx(1.5)
    assert growth.slope(places, np.array([0.0, 1.0, 2.0])) is None
    rows = [
        {"method": "m", "images": n, "identities": k, "size": 32, "seconds": float(n)}
        for n, k in ((64, 4), (32, 4), (64, 8))
    ]
    assert growth.along(rows, "m", "images", "seconds")[0].tolist() == [32, 64]
    assert growth.along(rows, "m", "identities", "seconds")[0].tolist() == [4, 8]
