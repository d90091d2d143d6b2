"""What every built-in method owes, whatever it does inside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from numpy.typing import NDArray

from uebench.data.dataset import load
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.seeding import seed_everything
from uebench.plugins.base import Method
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse

METHODS = Registry().ready("method")
DATA = load("synthetic(identities=3, train=6)", 32, Registry())


def protect(name: str, seed: int = 0) -> NDArray[Any]:
    method = Registry().build("method", parse(name), "smoke")
    train = referee.image_set(DATA.train, 3, torch.device("cpu"))
    ctx = RunContext(torch.device("cpu"), seed)
    seed_everything(ctx)
    assert isinstance(method, Method)
    method.fit(train, ctx)
    return referee.protect(method, train, method.budget(train.size), ctx)


@pytest.mark.parametrize("name", METHODS)
def test_it_keeps_its_budget_and_its_word(name: str) -> None:
    before = DATA.train.images.copy()
    delta = protect(name)
    assert delta.shape == DATA.train.images.shape
    assert (DATA.train.images == before).all()
    assert (name == "clean") == (not delta.any())


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_bytes(name: str) -> None:
    assert protect(name).tobytes() == protect(name).tobytes()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "clean"])
def test_the_seed_matters(name: str) -> None:
    assert protect(name, 0).tobytes() != protect(name, 1).tobytes()


@pytest.mark.parametrize("name", METHODS)
def test_it_says_where_it_comes_from(name: str) -> None:
    plugin = Registry().entry("method", name).plugin
    assert plugin.__doc__
    assert plugin.info.title
    assert plugin.version >= 1
    documentation = "".join(parent.__doc__ or "" for parent in plugin.Config.__mro__)
    missing = [field for field in plugin.Config.model_fields if f" {field}:" not in documentation]
    assert not missing, f"options without documentation: {missing}"
    assert set(plugin.why) == set(plugin.presets) - {"smoke"}, "each preset says why it differs"
