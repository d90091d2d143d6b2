"""No attacker begins with the weights of a network that the method trained, whatever the seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

import uebench
from tests.conftest import TINY
from tests.records import made_up
from uebench.analysis.selection import independent, select
from uebench.planning.cell import has_its_own_key
from uebench.planning.streams import OTHER_METHODS, needs_own_streams, shares_start
from uebench.report.caveats import caveats
from uebench.store.record import Record
from uebench.store.store import Store

Start = Mapping[str, Tensor]
TRAINED = (
    "ue", "rue", "sem", "tap", "hypocritical", "aap", "aue", "bait", "tue(variant=paper)", "segue(weights=none)",
    "segue_restart(weights=none)", "gue",
)  # fmt: skip
"""Methods that train a ResNet-18."""


@pytest.fixture
def starts(small_networks: None, monkeypatch: pytest.MonkeyPatch) -> list[Start]:
    """Collect the convolutions of every network of timm that a plugin builds, before any training."""
    built: list[Start] = []
    create = timm.create_model

    def create_model(*args: Any, **options: Any) -> torch.nn.Module:  # noqa: ANN401
        model = create(*args, **options)
        built.append({name: value.clone() for name, value in model.state_dict().items() if value.ndim == 4})
        return model

    monkeypatch.setattr(timm, "create_model", create_model)
    return built


def alike(first: Start, second: Start) -> list[str]:
    """Return the names of the convolutions that two networks have in common."""
    return [
        name
        for name in first.keys() & second.keys()
        if first[name].shape == second[name].shape and torch.equal(first[name], second[name])
    ]


@pytest.mark.parametrize("attacker", ["resnet18(epochs=1)", "simclr(epochs=1, probe_epochs=1)"])
@pytest.mark.parametrize("method", TRAINED)
def test_an_attacker_of_the_same_seed_begins_with_other_weights(
    starts: list[Start], method: str, attacker: str, tmp_path: Path
) -> None:
    where: Any = {"data": TINY, "preset": "smoke", "results": tmp_path, "executor": "serial"}
    result = uebench.run(method, attacker, **where)
    (record,) = Store(tmp_path).cells.readable()[0]
    *surrogates, attackers = starts
    assert surrogates, "the method built no network"
    assert not [name for one in surrogates for name in alike(one, attackers)]
    assert record.own_streams == (record.method.name not in OTHER_METHODS)
    assert has_its_own_key(record)
    assert result


def test_the_same_seed_gives_the_same_weights_without_streams_of_its_own(
    starts: list[Start], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.planning.cell.needs_own_streams", lambda *_: False)
    uebench.run("ue", "resnet18(epochs=1)", data=TINY, preset="smoke", results=tmp_path, executor="serial")
    surrogate, attacker = starts
    assert alike(surrogate, attacker)
    (record,) = Store(tmp_path).cells.readable()[0]
    assert shares_start(record)


@pytest.mark.parametrize(
    ("method", "config", "attacker", "seeds", "needs"),
    [
        ("ue", {}, "resnet18", (0, 0), True),
        ("ue", {}, "resnet18", (0, 1), False),
        ("ue", {}, "resnet50", (3, 3), True),  # its first convolution is that of a ResNet-18
        ("ue", {}, "inception_v3", (0, 0), False),
        ("segue", {}, "resnet18", (0, 0), False),
        ("somebody's", {}, "resnet18", (0, 0), True),
        ("somebody's", {}, "somebody's", (0, 0), True),
        ("somebody's", {}, "inception_v3", (0, 0), True),  # it may be the surrogate model, too
        ("tue", {"variant": "demo", "ssl_weight": None}, "resnet18", (0, 0), False),
        ("tue", {"variant": "demo", "ssl_weight": 0.5}, "resnet18", (0, 0), True),
        ("tue", {"variant": "paper", "ssl_weight": None}, "resnet18", (0, 0), True),
        ("tue", {"variant": "paper", "ssl_weight": 0.0}, "resnet18", (0, 0), False),
        ("bait", {"surrogate": None}, "resnet18", (0, 0), True),
        ("bait", {"surrogate": "file"}, "resnet18", (0, 0), False),
    ],
)
def test_streams_of_its_own_are_for_equal_seeds_and_networks_that_could_be_alike(
    method: str, config: dict[str, Any], attacker: str, seeds: tuple[int, int], needs: bool
) -> None:
    method_seed, seed = seeds
    assert needs_own_streams({"name": method, "config": config}, method_seed, attacker, seed) == needs


def early(method_seed: int, seed: int, **changes: Any) -> Record:  # noqa: ANN401
    """Return a record of UE from before attackers had streams of their own."""
    return made_up("ue", seed=seed, method_seed=method_seed, own_streams=False, **changes)


def test_a_run_that_began_with_the_surrogates_weights_counts_only_where_there_is_no_other(tmp_path: Path) -> None:
    shared, other, alone = early(0, 0), early(0, 1), early(0, 0, attacker_assets=[], preset="paper")
    assert independent([shared, other, alone]) == [other, alone]
    store = Store(tmp_path)
    for record in (shared, other):
        store.cells.write(record)
    assert [record.seed for record in select(store)[0]] == [1]


def test_tables_say_which_runs_began_with_the_surrogates_weights() -> None:
    (said,) = [line for line in caveats([early(0, 0)]) if "surrogate" in line]
    assert said.startswith("equal seeds: the attacker may have begun with the weights of the surrogate model")
    assert ": ue against resnet18(epochs=2)" in said
    assert not [line for line in caveats([early(0, 1), made_up("ue")]) if "surrogate" in line]
