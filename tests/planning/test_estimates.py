"""How long cells take, from made-up records of this machine and of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY
from tests.records import PEOPLE, as_asked
from uebench.planning.cell import CellSpec
from uebench.planning.estimates import Conditions, Estimates
from uebench.planning.grid import Grid, Plan, Planner
from uebench.plugins.registry import Registry
from uebench.store.record import Record
from uebench.store.store import Store

HERE = Conditions("Linux x86_64, 8 cores", on_cpu=True, threads=2)
PIXELS = {**PEOPLE, "size": 32, "train_images": 18}
"""As many pixels as the data of the plan."""

Known = Callable[..., Estimates]


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """Return estimates by records of ResNet-18 that each say where they were made and what they took."""

    def read(*records: Record) -> Estimates:
        store = Store(tmp_path)
        for record in records:
            store.cells.write(record)
        return Estimates(store, HERE)

    return read


def made(
    rate: float = 100, attacker: str = "resnet18(epochs=9)", *, method: str = "lsp", fit: float = 1, protect: float = 2,
    machine: str = HERE.machine, device: str = "cpu", threads: int = 2, **changes: Any,  # noqa: ANN401
) -> Record:  # fmt: skip
    record = as_asked(method, attacker, preset="smoke", **({"data": PIXELS} | changes))
    times = {"train_images_per_second": rate, "fit_seconds": fit, "protect_seconds": protect}
    where = {"machine": machine, "device": device, "threads": threads}
    return record.model_copy(
        update={
            "timings": record.timings.model_copy(update=times),
            "provenance": record.provenance.model_copy(update=where),
        }
    )


def planned(tmp_path: Path, attacker: str = "resnet18(epochs=3)", method: str = "lsp") -> Plan:
    grid = Grid(method=(method,), attacker=(attacker,), data=(TINY,), preset="smoke")
    return Planner(Registry(), Store(tmp_path)).plan(grid)


def cell(tmp_path: Path, attacker: str = "resnet18(epochs=3)", method: str = "lsp") -> CellSpec:
    return planned(tmp_path, attacker, method).cells[0].spec


def test_training_takes_longer_with_more_images_epochs_and_pixels(known: Known, tmp_path: Path) -> None:
    assert known(made(rate=9)).training(cell(tmp_path)) == pytest.approx(18 * 3 / 9)
    large = {**PEOPLE, "size": 64, "train_images": 1000}
    assert known(made(rate=9, data=large)).training(cell(tmp_path)) == pytest.approx(18 * 3 / 9)  # the same size counts
    assert known(made(10, "resnet50", data=large)).training(cell(tmp_path, "resnet50(epochs=2)")) == pytest.approx(
        18 * 2 / 10 / 4
    )


def test_a_record_of_this_machine_comes_before_those_of_others(known: Known, tmp_path: Path) -> None:
    others = [made(50, machine="Darwin arm64, 8 cores", seed=seed) for seed in (1, 3)]
    assert known(*others).training(cell(tmp_path)) == pytest.approx(18 * 3 / 50)
    assert known(*others, made(10, seed=2)).training(cell(tmp_path)) == pytest.approx(18 * 3 / 10)
    assert known(made(20, seed=4, threads=1)).training(cell(tmp_path)) == pytest.approx(18 * 3 / 10)


def test_a_gpus_times_say_nothing_of_a_cpu(known: Known, tmp_path: Path) -> None:
    assert known(made(device="NVIDIA A100")).training(cell(tmp_path)) is None
    gpu = Estimates(Store(tmp_path), Conditions(HERE.machine, on_cpu=False, threads=2))
    assert gpu.training(cell(tmp_path)) is not None


def test_only_a_record_of_the_same_network_and_of_the_same_steps_will_do(known: Known, tmp_path: Path) -> None:
    estimates = known(made())
    assert estimates.training(cell(tmp_path, "resnet18+blur")) is not None
    for other in ("resnet50", "resnet18(stem=small)", "resnet18+adversarial(steps=1)"):
        assert estimates.training(cell(tmp_path, other)) is None


def test_the_record_with_most_options_in_common_counts(known: Known, tmp_path: Path) -> None:
    slow, fast = made(1, "resnet18(precision=bfloat16)", seed=2), made(9, seed=1)
    assert known(slow, fast).training(cell(tmp_path)) == pytest.approx(18 * 3 / 9)
    assert known().training(cell(tmp_path, "resnet18(epochs=3, precision=bfloat16)")) == pytest.approx(18 * 3 / 1)


def test_protection_takes_longer_with_more_images_and_rounds(known: Known, tmp_path: Path) -> None:
    spec = cell(tmp_path, method="ue(rounds=6)").protection
    assert known().protection(spec) is None
    assert known(made(method="ue(rounds=2)", fit=7, protect=3)).protection(spec) == pytest.approx(3 * 10)
    twice = {**PIXELS, "train_images": 36}
    other = cell(tmp_path, method="tue(rounds=2)").protection
    assert known(made(method="tue(rounds=2)", fit=7, protect=3, data=twice)).protection(other) == pytest.approx(5)


def test_a_method_that_comes_trained_says_nothing_of_its_training(known: Known, tmp_path: Path) -> None:
    estimates = known(made(method="segue(weights=none)"))
    assert estimates.protection(cell(tmp_path, method="segue(weights=none)").protection) == pytest.approx(3)
    shipped = made(method="segue(weights=none)", assets=[{"file": "g.safetensors", "sha256": "0"}], seed=2, fit=0)
    spec = cell(tmp_path, method="segue(weights=none)").protection
    assert known(shipped).protection(spec) == pytest.approx(3)


def test_a_total_counts_the_cells_of_which_nothing_is_known(known: Known, tmp_path: Path) -> None:
    store = Store(tmp_path)
    tasks = planned(tmp_path).tasks(store)
    assert [task.kind for task in tasks] == ["protect", "attack"]
    assert known().total(tasks) == (0, 1)
    assert known(made(9, fit=1, protect=2, seed=1)).total(tasks) == (3 + 18 * 3 / 9, 0)
    unknown = planned(tmp_path, method="random").tasks(store)
    assert known().total(unknown) == (18 * 3 / 9, 1)  # its set
    assert known().total(unknown[:1]) == (0, 1)


def test_the_same_variant_of_a_method_counts_before_the_same_machine(known: Known, tmp_path: Path) -> None:
    spec = cell(tmp_path, method="tue(variant=paper, rounds=2)").protection
    here = made(method="tue(variant=demo, rounds=2)", fit=1, protect=1)
    elsewhere = made(method="tue(variant=paper, rounds=2)", fit=70, protect=30, machine="Darwin arm64, 8 cores", seed=1)
    assert known(here, elsewhere).protection(spec) == pytest.approx(100)
    nearer = made(method="tue(variant=paper, rounds=2)", fit=5, protect=5, seed=2)
    assert known(here, elsewhere, nearer).protection(spec) == pytest.approx(10)
