"""``uebench run --keep-models``: which models are kept, and what they answer."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors import safe_open

from tests.cli.test_run import records
from tests.conftest import TINY, Command
from uebench.data.dataset import load
from uebench.evaluation.models import keep
from uebench.networks import classifier
from uebench.networks.timm_weights import pretrained, read_checkpoint
from uebench.plugins.registry import Registry
from uebench.store.answers import decode
from uebench.store.gc import gc
from uebench.store.store import Store
from uebench.tensor_files import body_digest

pytestmark = pytest.mark.usefixtures("small_networks")


def test_models_are_kept_on_request_and_change_no_key(tiny_run: Command, tmp_path: Path) -> None:
    asked, store = ("--method", "clean", "--attacker", "resnet18"), Store(tmp_path / "results")
    assert tiny_run(*asked).code == 0
    (before,) = records(tmp_path)
    assert "1 done without keeping the model; --force computes them again" in tiny_run(*asked, "--keep-models").err
    assert not store.models.files()
    answer = tiny_run(*asked, "--keep-models", "--force", "--json")
    (after,), (file,) = records(tmp_path), store.models.files()
    assert after["key"] == before["key"] == file.stem and after["counts"] == before["counts"]
    assert answer.json[0]["model"] == str(file)
    assert f"seed 0: {file}" in tiny_run(*asked, "--keep-models").err
    classifier("resnet18", 3, 32).network.load_state_dict(read_checkpoint(file))
    with safe_open(file, framework="np") as opened:
        meta = json.loads(opened.metadata()["uebench"])
    assert meta["key"] == file.stem
    assert meta["digest"] == body_digest(file.read_bytes())
    assert file not in [one.path for one in gc(store)]
    cell = store.cells.path(file.stem).rename(tmp_path / "cell.json")
    assert file in [one.path for one in gc(store)]
    cell.rename(store.cells.path(file.stem))
    assert tiny_run(*asked, "--force").code == 0
    assert not store.models.files()  # that of an earlier training does not belong to the record


@pytest.mark.parametrize("options", ["epochs=6", "epochs=6, stem=small, inputs=raw"])
def test_a_kept_model_answers_as_its_attacker_did(options: str, tiny_run: Command, tmp_path: Path) -> None:
    assert tiny_run("--method", "clean", "--attacker", f"resnet18({options})", "--keep-models").code == 0
    (record,), (file,) = records(tmp_path), Store(tmp_path / "results").models.files()
    test = load(TINY, 32, Registry()).test
    with torch.inference_mode():
        logits = pretrained("resnet18", 3, 32, file).eval()(torch.tensor(test.images) / 255)
    assert tuple(logits.argmax(1).tolist()) == decode(record["answers"], len(logits))


def test_an_attacker_without_a_network_keeps_no_model(tmp_path: Path) -> None:
    cell, trained = Mock(key="ab" * 32), Mock(classifier=lambda images: images)
    keep(Store(tmp_path), cell, trained)
    assert not list(tmp_path.iterdir())
