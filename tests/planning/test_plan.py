from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uebench
from tests.conftest import TINY
from tests.records import made_up, protection_of
from uebench.errors import DataError, UebenchError, UsageError
from uebench.planning.grid import Grid, PlannedCell, Planner
from uebench.planning.grid_file import read_grid, write_grid
from uebench.planning.staleness import staleness
from uebench.planning.study_file import read_study
from uebench.planning.tasks import Task
from uebench.plugins.base import Budget
from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.validation import validate
from uebench.store.atomic import publish
from uebench.store.store import Store


def planned(tmp_path: Path, **options: object) -> list[PlannedCell]:
    grid = Grid.model_validate({"data": (TINY,), "attacker": ("resnet18",), "preset": "smoke"} | options)
    return list(Planner(Registry(), Store(tmp_path)).plan(grid).cells)


def cells(tmp_path: Path, **options: object) -> list[str]:
    return [one.spec.title for one in planned(tmp_path, **options)]


def test_a_grid_is_the_product_of_its_parts(tmp_path: Path) -> None:
    titles = cells(tmp_path, method=("lsp", "random"), attacker=("resnet18", "resnet50"), seed=(0, 1))
    assert len(set(titles)) == 8


@pytest.mark.parametrize("given", ["0-2", "0,1,2", ["0-1", "2"], [0, 1, 2], "0, 1-2"])
def test_seeds_are_numbers_ranges_and_lists(given: object) -> None:
    assert validate(Grid, {"method": ["lsp"], "attacker": ["resnet18"], "seed": given}, "grid").seed == (0, 1, 2)


@pytest.mark.parametrize("given", [-1, [0, -1], "-1", "1-0", "0-1000", "0-", "", "1.5", 2**63, "9" * 5000, True, [[0]]])
def test_anything_else_is_no_seed(given: object) -> None:
    with pytest.raises(UsageError, match="grid: seed="):
        validate(Grid, {"method": ["lsp"], "attacker": ["resnet18"], "seed": given}, "grid")


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("lsp")
toml = st.recursive(
    plain.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=8,
)
fields = st.sampled_from([*Grid.model_fields, "x"])


@pytest.mark.fuzz
@settings(deadline=60_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(fields, toml, max_size=4).map(tomli_w.dumps) | st.text(max_size=40) | st.binary(max_size=40))
def test_any_file_is_a_grid_or_refused_and_nothing_else(tmp_path: Path, content: str | bytes) -> None:
    file = tmp_path / "grid.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        grid = read_grid(file, {"method": ("lsp",), "attacker": ("resnet18",)})
    except UsageError:
        return
    write_grid(file, grid)
    assert read_grid(file, {}) == grid


REGISTRY = Registry()
TEXTS = (
    "true", "none", "0", "-1", "1.5", "8/255", "1e308", "1e-400", "9223372036854775808", "[]", "[1, [2]]", "''",
    "'a b'", "'.'", "'~nobody-here/x'", "'/dev/zero'", "'\\0'", "'\\ud800'", "[bold]", "official", "kmeans",
)  # fmt: skip


def written_as(kind: Kind) -> st.SearchStrategy[str]:
    """Plugins of one kind with an option or two, of which most have values that they do not take."""

    def text(entry: Entry) -> st.SearchStrategy[str]:
        options = st.sampled_from([*entry.plugin.Config.model_fields, "labels", "preset", "x"])
        pairs = st.dictionaries(options, st.sampled_from(TEXTS), max_size=2)
        return pairs.map(lambda given: f"{entry.name}({', '.join(f'{k}={v}' for k, v in given.items())})")

    return st.sampled_from(REGISTRY.entries(kind)).flatmap(text)


@pytest.mark.fuzz
@settings(deadline=60_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written_as("method"), written_as("attacker"), st.just("flip_crop") | written_as("countermeasure"))
def test_any_request_is_planned_or_refused_and_nothing_else(
    tmp_path: Path, method: str, attacker: str, measure: str
) -> None:
    grid = Grid(method=(method,), attacker=(f"{attacker}+{measure}",), data=(TINY,), preset="smoke")
    try:
        assert len(Planner(REGISTRY, Store(tmp_path)).plan(grid).cells) == 1
    except UebenchError as error:
        assert "\n" not in str(error)


def test_a_cell_is_listed_once(tmp_path: Path) -> None:
    assert len(cells(tmp_path, method=("lsp", "lsp(eps=6/255)"))) == 1
    assert len(cells(tmp_path, method=("clean", "lsp"), with_clean=True)) == 2


def test_the_reference_cell_is_the_cell_of_clean(tmp_path: Path) -> None:
    clean, lsp = planned(tmp_path, method=("lsp",), with_clean=True, seed=(3,))
    assert clean.spec.protection.method.written == "clean"
    assert Planner(Registry(), Store(tmp_path)).reference(lsp.spec).key == clean.spec.key


def test_a_plan_travels_without_a_pixel_and_arrives_the_same(tmp_path: Path) -> None:
    (one,) = planned(tmp_path, method=("segue",), attacker=("resnet18+jpeg(quality=50)+mixup",))
    task = Task("attack", one.spec, one.spec.protect_key)
    sent = pickle.dumps(task)
    assert len(sent) < 10_000
    assert (pickle.loads(sent).key, pickle.loads(sent).spec.title) == (one.spec.key, one.spec.title)


def test_a_missing_set_is_protected_once_and_its_attacks_wait_for_it(tmp_path: Path) -> None:
    grid = Grid(method=("lsp", "clean"), attacker=("resnet18", "resnet50"), data=(TINY,), preset="smoke")
    store = Store(tmp_path)
    plan = Planner(Registry(), store).plan(grid)
    tasks = plan.tasks(store)
    each = ["protect", "attack", "attack"]
    assert [task.kind for task in tasks] == each * 2
    assert [task.needs for task in tasks] == [None, *[tasks[0].key] * 2, None, *[tasks[3].key] * 2]
    there = tasks[0].key
    store.sets.path(there).parent.mkdir(parents=True)
    store.sets.path(there).touch()
    assert [task.kind for task in plan.tasks(store)] == ["attack", "attack", *each]
    assert [task.kind for task in plan.tasks(store, force=True)] == each * 2


def test_everything_that_changes_the_result_changes_the_key(tmp_path: Path) -> None:
    base: dict[str, object] = {"method": ("lsp",), "attacker": ("resnet18",)}
    variants: list[dict[str, object]] = [
        {}, {"method": ("lsp(eps=5/255)",)}, {"attacker": ("resnet18(lr=0.1)",)}, {"attacker": ("resnet50",)},
        {"seed": (1,)}, {"method_seed": 1}, {"preset": "desk"}, {"data": ("synthetic(identities=3)",)},
        {"data": ("synthetic(identities=3, train=6, test=4, seed=1)",)},
    ]  # fmt: skip
    keys = {one.spec.key for variant in variants for one in planned(tmp_path, **base | variant)}
    assert len(keys) == len(variants)


def test_weights_enter_the_key_by_content_not_by_place(tmp_path: Path) -> None:
    keys = []
    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "g.safetensors").write_bytes(content)
        method = f"segue(weights='{tmp_path / folder / 'g.safetensors'}')"
        keys.append(planned(tmp_path, method=(method,), preset="desk")[0].spec.key)
    assert keys[0] == keys[1] != keys[2]


def test_a_folder_in_place_of_weights_is_refused_when_planning(tmp_path: Path) -> None:
    for request in ({"method": (f"segue(weights='{tmp_path}')",)}, {"attacker": (f"finetune(weights='{tmp_path}')",)}):
        with pytest.raises(DataError, match=r"cannot be read \(a folder, not a file\)"):
            planned(tmp_path, **{"method": ("lsp",), **request})


@pytest.mark.parametrize("name", ["\\0", "a\\ud800"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"weights=.* is a name that no file can have; choose another"):
        planned(tmp_path, method=(f"tap(weights='{name}')",))


def test_weights_that_were_replaced_while_a_program_lives_make_another_key(tmp_path: Path) -> None:
    file, keys = tmp_path / "g.safetensors", []
    for content in (b"1", b"2"):
        publish(file, content)
        keys.append(planned(tmp_path, method=(f"segue(weights='{file}')",), preset="desk")[0].spec.key)
    assert keys[0] != keys[1]


def test_an_impossible_cell_says_why(tmp_path: Path) -> None:
    segue, lsp = planned(tmp_path, method=("segue(code_bits=1)", "lsp"))
    assert (segue.status, lsp.status) == ("impossible", "to do")
    assert "a code of 1 bits names 2" in segue.reason


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown preset 'dest'; did you mean 'desk'"):
        cells(tmp_path, method=("lsp",), preset="dest")
    with pytest.raises(UsageError, match="unknown countermeasure 'nothing'"):
        cells(tmp_path, method=("lsp",), attacker=("resnet18+nothing",))
    with pytest.raises(UsageError, match=r"grid: seed=\[x\] is not a seed; write 0, or a range"):
        validate(Grid, {"method": ("a",), "attacker": ("b",), "seed": ("x",)}, "grid")


def test_method_seeds_are_crossed_with_attacker_seeds_and_the_reference_has_none(tmp_path: Path) -> None:
    planned_cells = planned(tmp_path, method=("lsp",), seed=(0, 1), method_seed=(0, 1, 2), with_clean=True)
    seeds = [(one.spec.protection.method.name, one.spec.protection.method_seed, one.spec.seed) for one in planned_cells]
    assert seeds == [("clean", 0, 0), ("clean", 0, 1), *(("lsp", m, s) for m in range(3) for s in (0, 1))]
    assert len({one.spec.protect_key for one in planned_cells}) == 4
    assert "lsp (method seed 1) vs resnet18, seed 0" in planned_cells[4].spec.title


def test_several_method_seeds_leave_the_keys_of_one_as_they_were(tmp_path: Path) -> None:
    several = {one.spec.key for one in planned(tmp_path, method=("lsp",), method_seed=(0, 1))}
    for alone in (0, 1, (1,)):
        (one,) = planned(tmp_path, method=("lsp",), method_seed=alone)
        assert one.spec.key in several


def test_a_folder_whose_name_is_no_text_cannot_stand_in_a_grid(tmp_path: Path) -> None:
    grid = read_grid(None, {"method": ("lsp",), "attacker": ("knn",), "data": ("odd\udcff",)})
    with pytest.raises(UsageError, match=r"mine.toml: cannot name 'odd.udcff', whose bytes are no UTF-8; rename it"):
        write_grid(tmp_path / "mine.toml", grid)
    assert not (tmp_path / "mine.toml").exists()


def test_a_study_in_place_of_a_grid_is_told_apart_from_a_misspelt_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "Mine"\nmethod = ["lsp"]\nattacker = ["resnet18"]\n')
    with pytest.raises(UsageError, match="this is a study; compute it with uebench study run"):
        read_grid(file, {})
    file.write_text('preset = "smoke"\nattacker = ["knn"]\n[[method]]\nname = "L"\nmethod = "lsp"\n')
    with pytest.raises(UsageError, match="this is a study; compute it with uebench study run"):
        read_grid(file, {})
    file.write_text('metod = ["lsp"]\n')
    with pytest.raises(UsageError, match="unknown name 'metod'; did you mean 'method'"):
        read_grid(file, {})


def test_seeds_of_a_grid_file_may_be_one_number_or_several(tmp_path: Path) -> None:
    file, parts = tmp_path / "grid.toml", {"method": ("lsp",), "attacker": ("resnet18",)}
    file.write_text('method = ["lsp"]\nattacker = ["resnet18"]\nmethod_seed = 2\nseed = 1\n')
    assert read_grid(file, {}) == Grid(**parts, method_seed=(2,), seed=(1,))
    several = Grid(**parts, method_seed=(0, 1, 2), seed=(0, 1))
    write_grid(file, several)
    assert read_grid(file, {}) == several
    with pytest.raises(UsageError, match="grid: method_seed="):
        read_grid(file, {"method_seed": ()})


def test_a_grid_or_study_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text('method = ["lsp"]\nattacker = ["resnet18"]\n', encoding="utf-8-sig")
    assert read_grid(file, {}) == Grid(method=("lsp",), attacker=("resnet18",))
    assert read_study(file).method[0].method == "lsp"


def test_python_takes_seeds_alone_or_in_a_range(tmp_path: Path) -> None:
    def seeds(**given: Any) -> list[tuple[int, int]]:  # noqa: ANN401
        plan = uebench.plan("lsp", "resnet18", data=TINY, preset="smoke", results=tmp_path, **given)
        return [(cell.spec.protection.method_seed, cell.spec.seed) for cell in plan.cells]

    assert seeds(method_seed=range(3), seed=2) == [(0, 2), (1, 2), (2, 2)]
    assert seeds(method_seed=1) == [(1, 0)]
    assert seeds() == [(0, 0)]


def test_all_stands_for_every_plugin_that_needs_no_option(tmp_path: Path) -> None:
    registry = Registry()
    found = {one.spec.attacker.name for one in planned(tmp_path, method=("lsp",), attacker=("all",))}
    assert found == set(registry.ready("attacker")) and "resnet50" in found and "timm" not in found
    methods = {one.spec.protection.method.name for one in planned(tmp_path, method=("all", "lsp"), attacker=("knn",))}
    assert methods == set(registry.ready("method")) and "protected" not in methods
    chains = {one.spec.attacker_text for one in planned(tmp_path, method=("lsp",), attacker=("all+jpeg(quality=50)",))}
    assert "knn+jpeg(quality=50)" in chains and len(chains) == len(found)


def test_a_set_of_the_same_source_made_with_another_budget_is_stale(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    (spec,) = Planner(registry, store).protections(["lsp"], ["synthetic"], "smoke", 0)
    cell = made_up("lsp")
    made = cell.provenance.model_copy(update={"sources": {"lsp": spec.method.entry.source_digest}})
    record = protection_of(cell, None).model_copy(update={"protect_key": spec.key, "provenance": made})
    store.protections.write(record)
    norm, eps = record.audit.norm, record.audit.eps
    monkeypatch.setattr("uebench.planning.staleness.questions.budget", lambda *_: Budget(norm, eps))
    assert staleness(spec, store) == ""
    monkeypatch.setattr("uebench.planning.staleness.questions.budget", lambda *_: Budget(norm, 2 * eps))
    assert "made with a different budget of lsp" in staleness(spec, store)
