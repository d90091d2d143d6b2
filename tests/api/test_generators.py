"""A call from Python leaves the global random generators as it found them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import uebench
from uebench.evaluation.isolation import generators_restored

LABELS = ["ann", "bob"] * 4
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 32, 32, 3), dtype=np.uint8)
CALLS: dict[str, Callable[[Path], object]] = {
    "protect": lambda _: uebench.protect(IMAGES, LABELS, "random", preset="smoke", device="cpu"),
    "attack": lambda _: uebench.attack(
        IMAGES, LABELS, IMAGES, LABELS, "resnet18(epochs=1)", preset="smoke", device="cpu"
    ),
    "fit": lambda folder: uebench.fit(
        "ue(rounds=1)", folder / "noise.safetensors", data="synthetic(identities=2, train=4)", preset="smoke",
        results=folder / "results", device="cpu",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("call", CALLS)
def test_a_call_leaves_the_global_generators_alone(call: str, tmp_path: Path) -> None:
    before = _drawn_when_seeded()
    CALLS[call](tmp_path)
    assert _drawn() == before


def test_only_work_on_a_gpu_starts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: started.append(True))
    with generators_restored(torch.device("cpu")), generators_restored():
        pass
    assert not started
    with generators_restored(torch.device("cuda")):
        pass
    assert started


def test_the_generators_are_given_back_after_a_failure_too() -> None:
    before = _drawn_when_seeded()
    with pytest.raises(ZeroDivisionError), generators_restored():
        _drawn()
        1 / 0  # noqa: B018
    assert _drawn() == before


def _seed() -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)


def _drawn() -> tuple[float, float, float]:
    return float(torch.rand(())), np.random.random(), random.random()  # noqa: NPY002


def _drawn_when_seeded() -> tuple[float, float, float]:
    """Return what is drawn next, and seed again."""
    _seed()
    drawn = _drawn()
    _seed()
    return drawn
