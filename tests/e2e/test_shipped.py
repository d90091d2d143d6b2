"""The generator that comes with uebench, and the cells that the repository holds."""

from __future__ import annotations

import json
from pathlib import Path

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

WEIGHTS = ROOT / "methods" / "uebench_methods" / "weights" / "segue_restart_64.safetensors"
CELLS = sorted((ROOT / "results" / "cells").glob("??/*.json"))


def test_the_shipped_generator_is_small_and_says_how_it_was_made() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
    meta = weights.metadata(WEIGHTS, "segue_restart")
    assert {"data", "size", "seconds", "command", "config", "seed", "counts"} <= set(meta)
    assert "orl" not in meta["data"]


def test_it_serves_what_it_was_trained_as_and_no_other_options() -> None:
    registry = Registry()
    for text, preset in (("segue_restart", "desk64"), ("segue_restart(precision=bfloat16)", "desk64")):
        assert registry.build("method", parse(text), preset).assets(64) == (WEIGHTS,)
    for text, preset, size in (
        ("segue_restart(weights=none)", "desk64", 64), ("segue_restart(eps=4/255)", "desk64", 64),
        ("segue_restart", "desk64", 32), ("segue_restart(epochs=1)", "desk64", 64), ("segue", "desk64", 64),
        ("segue_restart(schedule=oscillating)", "desk64", 64), ("segue_unguided", "desk64", 64),
    ):  # fmt: skip
        assert registry.build("method", parse(text), preset).assets(size) == ()


def test_it_is_no_generator_of_the_authors_algorithm() -> None:
    with pytest.raises(DataError, match="weights of segue_restart, not of segue"):
        weights.metadata(WEIGHTS, "segue")


def test_its_perturbations_tell_identities_apart(ctx: RunContext) -> None:
    from sklearn.linear_model import LogisticRegression

    registry = Registry()
    data = load("orl(identities=10)", 64, registry)
    method = registry.build("method", parse("segue_restart"), "desk64")
    train = referee.image_set(data.train, 10, torch.device("cpu"))
    method.fit(train, ctx)  # type: ignore[attr-defined]
    delta = referee.protect(method, train, method.budget(64), ctx)  # type: ignore[arg-type, attr-defined]
    assert np.abs(delta).max() == 8
    features = delta.reshape(len(delta), -1) / 8
    held_out = np.arange(len(delta)) % 7 >= 5
    fitted = LogisticRegression(max_iter=300).fit(features[~held_out], data.train.labels[~held_out])
    assert fitted.score(features[held_out], data.train.labels[held_out]) > 0.9


@pytest.mark.parametrize("path", CELLS, ids=lambda path: path.stem[:8])
def test_every_committed_cell_is_whole(path: Path) -> None:
    record = Store(ROOT / "results").read_cell(path.stem)
    assert record is not None
    assert "/" not in record.data.name


def test_every_committed_protected_set_is_whole() -> None:
    for path, record in Store(ROOT / "results").protections():
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
