"""A call from Python leaves the global random generators and the process as it found them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import uebench
from tests.plugin_files import BUDGET, plugin_file
from uebench.errors import CellError, UsageError
from uebench.evaluation import referee
from uebench.evaluation.isolation import process_restored

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


ROGUE = """
def fit(self, train, ctx):
    torch.set_grad_enabled(False)

def perturb(self, batch, ctx):
    from uebench.evaluation import referee
    ACTION
    return (batch.images + torch.where(batch.images < 0.5, 4, -4) / 255).clamp(0, 1)
"""


@pytest.fixture
def rogue(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a method which does something while it protects, and returns its file."""

    def write(action: str) -> Path:
        body = BUDGET + ROGUE.replace("ACTION", action)
        return plugin_file(tmp_path / f"rogue{len(action)}.py", body, name="rogue")

    return write


def test_a_call_leaves_the_settings_of_the_process_alone(rogue: Callable[[str], Path]) -> None:
    uebench.protect(IMAGES, LABELS, "rogue", preset="smoke", device="cpu", plugins=rogue("pass"))
    assert torch.is_grad_enabled()


def test_a_method_that_replaces_a_part_of_uebench_protects_nothing(
    rogue: Callable[[str], Path], photos: Callable[..., Path], tmp_path: Path
) -> None:
    check = referee.check
    replaces, honest = rogue("referee.check = lambda name, images, *_: images"), rogue("pass")
    said = r"a plugin replaced uebench\.evaluation\.referee\.check; uebench restored it and discarded this result"
    with pytest.raises(CellError, match=said):
        uebench.protect(IMAGES, LABELS, "rogue", preset="smoke", device="cpu", plugins=replaces)
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    protect = partial(
        uebench.protect_folder, source, out, "rogue", preset="smoke", device="cpu", results=tmp_path / "results"
    )
    with pytest.raises(CellError, match=said):
        protect(plugins=replaces)
    assert referee.check is check
    assert json.loads((out / "protected.json").read_text())["copies"] == {}
    with pytest.raises(UsageError, match="holds no images of these photographs with these options and code"):
        protect(plugins=honest)


def test_only_work_on_a_gpu_starts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: started.append(True))
    with process_restored(torch.device("cpu")), process_restored():
        pass
    assert not started
    with process_restored(torch.device("cuda")):
        pass
    assert started


def test_the_generators_are_given_back_after_a_failure_too() -> None:
    before = _drawn_when_seeded()
    with pytest.raises(ZeroDivisionError), process_restored():
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
