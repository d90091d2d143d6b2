from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY
from uebench.errors import UsageError
from uebench.evaluation.outcome import Outcome
from uebench.planning.grid import Grid, plan, reference
from uebench.plugins.registry import Registry, validate
from uebench.store.store import Store


def cells(tmp_path: Path, **options: object) -> list[str]:
    grid = Grid.model_validate({"data": (TINY,), "attacker": ("resnet18",), "preset": "smoke"} | options)
    return [cell.title for cell in plan(grid, Registry(), Store(tmp_path))]


def test_a_grid_is_the_product_of_its_parts(tmp_path: Path) -> None:
    titles = cells(tmp_path, method=("lsp", "random"), attacker=("resnet18", "resnet50"), seed=(0, 1))
    assert len(set(titles)) == 8


def test_a_cell_is_listed_once(tmp_path: Path) -> None:
    assert len(cells(tmp_path, method=("lsp", "lsp(eps=6/255)"))) == 1
    assert len(cells(tmp_path, method=("clean", "lsp"), with_clean=True)) == 2


def test_a_finished_cell_goes_by_the_name_that_it_is_asked_by(tmp_path: Path) -> None:
    grid = Grid(method=("lsp",), attacker=("resnet18+blur",), data=(TINY,), preset="smoke")
    (cell,) = plan(grid, Registry(), Store(tmp_path))
    record = {"key": cell.key, "written": {"method": "lsp(eps=6/255)", "attacker": "resnet18(epochs=1)+blur"}}
    asked = Outcome(cell, "done", record).as_asked
    assert asked == {"key": cell.key, "written": {"method": "lsp", "attacker": "resnet18+blur"}}


def test_the_reference_cell_is_the_cell_of_clean(tmp_path: Path) -> None:
    registry, store = Registry(), Store(tmp_path)
    grid = Grid(method=("lsp",), attacker=("resnet18",), data=(TINY,), preset="smoke", with_clean=True, seed=(3,))
    clean, lsp = plan(grid, registry, store)
    assert clean.method.written == "clean"
    assert reference(lsp, registry).key == clean.key


def test_everything_that_changes_the_outcome_changes_the_key(tmp_path: Path) -> None:
    base: dict[str, object] = {"method": ("lsp",), "attacker": ("resnet18",)}
    variants: list[dict[str, object]] = [
        {}, {"method": ("lsp(eps=5/255)",)}, {"attacker": ("resnet18(lr=0.1)",)}, {"attacker": ("resnet50",)},
        {"seed": (1,)}, {"method_seed": 1}, {"preset": "desk"}, {"data": ("synthetic(identities=3)",)},
        {"data": ("synthetic(identities=3, train=6, test=4, seed=1)",)},
    ]  # fmt: skip
    keys = set()
    for variant in variants:
        grid = Grid.model_validate({"data": (TINY,), "preset": "smoke"} | base | variant)
        keys |= {cell.key for cell in plan(grid, Registry(), Store(tmp_path))}
    assert len(keys) == len(variants)


def test_weights_enter_the_key_by_content_not_by_place(tmp_path: Path) -> None:
    keys = []
    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "g.safetensors").write_bytes(content)
        grid = Grid(
            method=(f"segue(weights='{tmp_path / folder / 'g.safetensors'}')",), attacker=("resnet18",), data=(TINY,)
        )
        keys.append(plan(grid, Registry(), Store(tmp_path / "store"))[0].key)
    assert keys[0] == keys[1] != keys[2]


def test_an_impossible_cell_says_why(tmp_path: Path) -> None:
    grid = Grid(method=("segue(code_bits=1)", "lsp"), attacker=("resnet18",), data=(TINY,), preset="smoke")
    segue, lsp = plan(grid, Registry(), Store(tmp_path))
    assert (segue.status, lsp.status) == ("impossible", "to do")
    assert "a code of 1 bits names 2" in segue.reason


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown preset 'dest'; did you mean 'desk'"):
        cells(tmp_path, method=("lsp",), preset="dest")
    with pytest.raises(UsageError, match="unknown countermeasure 'nothing'"):
        cells(tmp_path, method=("lsp",), attacker=("resnet18+nothing",))
    with pytest.raises(UsageError, match="grid: seed=x is refused"):
        validate(Grid, {"method": ("a",), "attacker": ("b",), "seed": ("x",)}, "grid")
