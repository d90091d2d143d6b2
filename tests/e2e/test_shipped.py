"""The generator that comes with uebench, and the cells that the repository holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import ROOT, Command
from uebench.data.dataset import load
from uebench.errors import DataError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.pretrained import weights
from uebench.store.store import Store

WEIGHTS = ROOT / "methods" / "uebench_methods" / "weights"
GENERATORS = [
    ("segue_restart", 64, "desk64"), ("segue_restart", 96, "desk"), ("segue", 96, "desk"), ("segue", 224, "paper"),
]  # fmt: skip
"""Method, size, and the preset that it was trained with."""
CELLS = sorted((ROOT / "results" / "cells").glob("??/*.json"))


def file_of(method: str, size: int) -> Path:
    return WEIGHTS / f"{method}_{size}.safetensors"


def test_no_other_generator_comes_with_the_package() -> None:
    assert set(WEIGHTS.iterdir()) == {file_of(method, size) for method, size, _ in GENERATORS}


@pytest.mark.parametrize(("method", "size", "preset"), GENERATORS)
def test_a_shipped_generator_is_small_and_says_how_it_was_made(method: str, size: int, preset: str) -> None:
    assert file_of(method, size).stat().st_size < 500_000
    meta = weights.metadata(file_of(method, size), method)
    assert {"data", "size", "seconds", "command", "config", "seed", "counts"} <= set(meta)
    assert (meta["data"], meta["num_classes"]) == (("faces50", 50) if preset == "desk64" else ("faces50[10:]", 40))


@pytest.mark.parametrize(("method", "size", "preset"), GENERATORS)
def test_it_serves_what_it_was_trained_as_and_no_other_options(method: str, size: int, preset: str) -> None:
    registry = Registry()

    def assets(text: str, size: int = size) -> tuple[Path, ...]:
        return registry.build("method", parse(text), preset).assets(size)

    automatic = f"{method}(weights=auto)"
    for precision in ("float32", "bfloat16"):
        assert assets(f"{method}(weights=auto, precision={precision})") == assets(automatic) == (file_of(method, size),)
    for other in ("eps=4/255", "epochs=1", "norm=instance", "inputs=centred"):
        assert assets(f"{method}(weights=auto, {other})") == ()
    assert assets(f"{method}(weights=none)") == assets(automatic, 32) == assets("segue_unguided") == ()
    assert assets(method) == (() if preset == "paper" else assets(automatic))  # the paper trains on the set to protect


def test_it_is_no_generator_of_another_method() -> None:
    for method, other in (("segue_restart", "segue"), ("segue", "segue_restart")):
        with pytest.raises(DataError, match=f"weights of {method}, not of {other}"):
            weights.metadata(file_of(method, 96), other)


@pytest.mark.parametrize(("name", "size", "preset"), GENERATORS)
def test_its_perturbations_tell_identities_apart(ctx: RunContext, name: str, size: int, preset: str) -> None:
    from sklearn.linear_model import LogisticRegression

    registry = Registry()
    data = load("orl(identities=10)", size, registry)
    method: Any = registry.build("method", parse(f"{name}(weights=auto)"), preset)
    train = referee.image_set(data.train, 10, torch.device("cpu"))
    method.fit(train, ctx)
    delta = referee.protect(method, train, method.budget(size), ctx)
    assert np.abs(delta).max() == 8
    pixels = delta.reshape(len(delta), -1) / 8
    lengths, axes = np.linalg.eigh(pixels @ pixels.T)
    features = axes * lengths.clip(0) ** 0.5  # the same points in as many dimensions as there are images
    held_out = np.arange(len(delta)) % 7 >= 5
    fitted = LogisticRegression(max_iter=300).fit(features[~held_out], data.train.labels[~held_out])
    assert fitted.score(features[held_out], data.train.labels[held_out]) > 0.9


@pytest.mark.parametrize("path", CELLS, ids=lambda path: path.stem[:8])
def test_every_committed_cell_is_whole(path: Path) -> None:
    record = Store(ROOT / "results").cells.read(path.stem)
    assert record is not None
    assert "/" not in record.data.name


def test_every_committed_protected_set_is_whole() -> None:
    for path, record in Store(ROOT / "results").protections:
        assert record is not None, path
        assert "/" not in record.data.name


def test_the_repository_holds_the_default_clean_reference(uebench: Command) -> None:
    plan = uebench(
        "run", "--method", "clean", "--attacker", "inception_v3", "--attacker", "resnet18", "--dry-run", "--json",
        "--results", ROOT / "results",
    )  # fmt: skip
    assert [cell["status"] for cell in plan.json] == ["done", "done"]


def test_no_photograph_and_no_blob_is_in_the_repository() -> None:
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = listed.stdout.splitlines()
    assert not [f for f in files if f.lower().endswith((".jpg", ".jpeg", ".pgm")) or f.startswith("results/blobs")]
    assert all(
        json.loads((ROOT / f).read_text()) for f in files if f.startswith(("results/cells/", "results/protected/"))
    )
