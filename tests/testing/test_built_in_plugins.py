"""Every plugin that comes with uebench keeps its contract, and so do the templates and the example in the docs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.conftest import ROOT
from uebench.api.check import check
from uebench.plugins.base import Plugin
from uebench.plugins.registry import Registry
from uebench.plugins.scan import KINDS, Kind
from uebench.plugins.spec import format_value, parse
from uebench.testing import checks

REGISTRY = Registry()
NEEDED = {
    "uc": "model=test_resnet, surrogate={file}",
    "timm": "model=test_resnet",
    "finetune": "model=test_resnet, mode=last_block, weights={file}",
    "linear_probe": "embedding={embedding}",
    "knn": "embedding={embedding}, neighbours=3",
    **dict.fromkeys(("simclr", "moco", "byol", "simsiam"), "model=test_resnet, epochs=2, probe_epochs=2, batch=8"),
    "folder": "path={folder}",
    "orl_varied": "identities=2, copies=1, test_copies=1",
}
ELSEWHERE = ("protected",)
"""What needs the very photographs that it protects: tests/cli/test_sets_of_others.py."""
TRAINED = (
    "ue", "rue", "sem", "tue", "tap", "hypocritical", "aue", "aap", "uc", "bait", "segue",
    "segue_restart", "segue_unguided", "deepconfuse", "gue",
)  # fmt: skip
ARCHITECTURES = ("resnet18", "resnet50", "mobilenet_v1", "inception_v3", "efficientnet_b1")
TOO_LONG: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(TRAINED, frozenset({"size_224"})),
    # they share all their code with timm(model=test_resnet), which passes every check
    **dict.fromkeys(ARCHITECTURES, frozenset({"size_64", "size_224", "seed", "labels", "places", "unseen"})),
    # they share all but their learners with simclr and moco
    **dict.fromkeys(("byol", "simsiam"), frozenset({"size_64", "size_224", "seed", "labels", "unseen"})),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write what some plugins cannot do without."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "pretrained.safetensors"
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), file)
    return {"file": format_value(str(file)), "embedding": format_value(f"test_resnet:{file}")}


def build(kind: Kind, name: str, given: Mapping[str, str]) -> Plugin[Any]:
    return REGISTRY.build(kind, parse(f"{name}({NEEDED.get(name, '').format(**given)})"), "smoke")


def assert_kept(plugin: Plugin[Any], but: Iterable[str] = ()) -> None:
    outcomes = [one.outcome() for one in checks(plugin) if one.name not in but]
    assert not [one for one in outcomes if one.status == "failed"]
    assert sum(one.status == "ok" for one in outcomes) >= 8


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in REGISTRY.names(kind) if name not in (*TRAINED, *ELSEWHERE)],
)
def test_it_keeps_its_contract(kind: Kind, name: str, given: dict[str, str], photos: Callable[..., Path]) -> None:
    if name == "folder":
        folder = photos({f"{split}/{person}": 3 for split in ("train", "test") for person in "ab"})
        given = given | {"folder": format_value(str(folder))}
    assert_kept(build(kind, name, given), TOO_LONG.get(name, ()))


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("name", TRAINED)
def test_a_method_that_trains_networks_keeps_its_contract(name: str, given: dict[str, str]) -> None:
    assert_kept(build("method", name, given), TOO_LONG[name])


@pytest.mark.usefixtures("small_networks")
def test_noise_for_each_identity_keeps_its_contract() -> None:
    assert_kept(REGISTRY.build("method", parse("ue(noise=classwise)"), "smoke"), TOO_LONG["ue"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_keeps_its_contract(kind: str) -> None:
    assert not [one for one in check([str(ROOT / f"uebench/api/templates/{kind}.py")]) if one.status == "failed"]


def test_the_example_in_the_docs_keeps_its_contract() -> None:
    assert not [one for one in check([str(ROOT / "docs" / "example_plugin.py")]) if one.status == "failed"]
