"""Attackers that start from a checkpoint or look at embeddings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from tests.conftest import ROOT, TINY, Command
from uebench import networks
from uebench.data.dataset import load
from uebench.errors import DataError, UsageError
from uebench.planning.grid import Grid, Planner
from uebench.plugins.base import BEFORE_TRAINING, Attacker, Countermeasure, ImageSet, Trained
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.plugins.timm_names import check_model
from uebench.pretrained.face_embeddings import EmbeddingOptions
from uebench.store.store import Store
from uebench.testing import MemoryContext
from uebench.training.loop import on_set

DATA = load("synthetic(identities=3, train=6, test=4)", 32, Registry())
TRAIN = ImageSet(torch.tensor(DATA.train.images), torch.tensor(DATA.train.labels), 3)
Checkpoint = Callable[..., Path]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """Write the weights of a small timm model, with seven classes, and return the file."""

    def write(model: str = "test_resnet", name: str = "pretrained.safetensors", seed: int = 0) -> Path:
        torch.manual_seed(seed)
        file = tmp_path / name
        size: dict[str, Any] = {"img_size": 32} if model == "test_vit" else {}
        save_file(timm.create_model(model, num_classes=7, **size).state_dict(), file)
        return file

    return write


def fit(text: str, *countermeasures: str, train: ImageSet = TRAIN, ctx: MemoryContext | None = None) -> Trained:
    registry = Registry()
    attacker = registry.build("attacker", parse(text), "smoke")
    assert isinstance(attacker, Attacker)
    added = [registry.build("countermeasure", parse(name)) for name in countermeasures]
    measures = [one for one in added if isinstance(one, Countermeasure)]
    ctx = ctx or MemoryContext()
    train = on_set(train, measures, ctx)
    torch.manual_seed(0)
    return attacker.fit(train, tuple(one for one in measures if one.place not in BEFORE_TRAINING), ctx)


def state(trained: Trained) -> dict[str, Tensor]:
    assert isinstance(trained.classifier, networks.FaceClassifier)
    return {name: tensor.clone() for name, tensor in trained.classifier.network.state_dict().items()}


MOVES = {
    ("test_resnet", "linear"): ("fc.",),
    ("test_resnet", "last_block"): ("fc.", "layer4."),
    ("test_efficientnet", "linear"): ("classifier.",),
    ("test_efficientnet", "last_block"): ("classifier.", "blocks.4.", "conv_head.", "bn2."),
    ("test_efficientnet", "frozen_stem"): ("blocks.", "conv_head.", "bn2.", "classifier."),
    ("test_resnet", "frozen_stem"): ("layer", "fc."),
    ("test_vit", "frozen_stem"): ("blocks.", "norm.", "head."),
    ("test_vit", "linear"): ("head.",),
    ("test_vit", "last_block"): ("head.", "norm.", "blocks.5."),
}


@pytest.mark.parametrize(("model", "mode"), MOVES)
def test_frozen_weights_and_statistics_stay_bit_for_bit(model: str, mode: str, checkpoint: Checkpoint) -> None:
    file = checkpoint(model)
    before = networks.read_checkpoint(file)
    options = f"model={model}, mode={mode}, weights='{file}', epochs=2, batch=6"
    trained = fit(
        f"finetune({options}, optimizer=adamw, weight_decay=0.1)", "ueraser(repeat=2)", "adversarial(steps=1)"
    )
    for name, after in state(trained).items():
        moves = name.startswith(MOVES[model, mode])
        head = before[name].shape != after.shape
        assert head or torch.equal(before[name], after) != moves, name


def test_full_moves_every_weight(checkpoint: Checkpoint) -> None:
    file = checkpoint()
    before = networks.read_checkpoint(file)
    after = state(fit(f"finetune(model=test_resnet, weights='{file}', epochs=1, batch=6)"))
    assert not [name for name in before if not name.startswith("fc.") and torch.equal(before[name], after[name])]


def test_it_starts_from_the_checkpoint_and_shows_it_what_it_knows(checkpoint: Checkpoint) -> None:
    file = checkpoint("test_efficientnet")
    network = networks.pretrained("test_efficientnet", 7, 32, file, input_size=48).eval()
    reference = timm.create_model("test_efficientnet", num_classes=7, checkpoint_path=str(file)).eval()
    images = torch.rand(2, 3, 32, 32)
    large = torch.nn.functional.interpolate(images, size=48, mode="bilinear", align_corners=False)
    settings = timm.get_pretrained_cfg("test_efficientnet")
    assert settings
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (settings.mean, settings.std))
    assert torch.allclose(network(images), reference((large - mean) / std), atol=1e-5)
    assert (network.details["input_size"], network.details["upsampled_from"]) == (48, 32)


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "pth"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_checkpoint_is_read_in_every_shape_it_comes_in(suffix: str, wrapped: bool, tmp_path: Path) -> None:
    tensors = timm.create_model("test_resnet", num_classes=7).state_dict()
    file = tmp_path / f"net.{suffix}"
    named = {f"module.{name}" if wrapped else name: tensor for name, tensor in tensors.items()}
    if suffix == "safetensors":
        save_file(named, file)
    else:
        torch.save({"state_dict": named, "epoch": 3} if wrapped else named, file)
    read = networks.read_checkpoint(file)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors: tensors.pop("layer2.0.bn1.weight"), "has no tensor 'layer2.0.bn1.weight'"),
        (lambda tensors: tensors.update(aux=torch.zeros(1)), "has a tensor 'aux' that the model lacks"),
        (lambda tensors: tensors.update({"conv1.0.weight": torch.zeros(1, 2)}), r"'conv1.0.weight' is \(1, 2\), and"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(change: Callable[..., object], reason: str, tmp_path: Path) -> None:
    tensors = timm.create_model("test_resnet", num_classes=3).state_dict()
    change(tensors)
    save_file(tensors, tmp_path / "net.safetensors")
    with pytest.raises(DataError, match=rf"net\.safetensors: .*{reason}.*; name the model") as raised:
        networks.pretrained("test_resnet", 3, 32, tmp_path / "net.safetensors")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"not weights", b"cos\nsystem\n(S'true'\ntR."])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.pth"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="not a checkpoint; give a state dict"):
            networks.read_checkpoint(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_in_place_of_a_checkpoint_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.safetensors")
    assert networks.kept_settings(tmp_path / "net.safetensors") is None
    with pytest.raises(DataError, match=r"net\.safetensors: cannot be read \(a named pipe, not a file\)"):
        networks.pretrained("test_resnet", 3, 32, tmp_path / "net.safetensors")


def test_a_missing_checkpoint_is_said_before_any_work(tiny_run: Command, tmp_path: Path) -> None:
    answer = tiny_run("--method", "clean", "--attacker", f"finetune(weights='{tmp_path}/gone.pth')", "--dry-run")
    assert answer.code == 3
    assert "gone.pth: cannot be read (no such file or directory)" in answer.complaint
    answer = tiny_run("--method", "clean", "--attacker", f"knn(embedding='resnet18:{tmp_path}/gone.pth')", "--json")
    assert answer.json[0]["status"] == "impossible"
    assert "no such file" in answer.json[0]["reason"]


def test_a_checkpoint_enters_key_and_record_by_content_not_by_place(
    tiny_run: Command, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    keys = []
    for name, seed in (("a/net.safetensors", 0), ("b/net.safetensors", 0), ("c/net.safetensors", 1)):
        (tmp_path / name).parent.mkdir()
        file = checkpoint(name=name, seed=seed)
        chains = (f"finetune(weights='{file}', model=test_resnet)+jpeg", f"knn(embedding='test_resnet:{file}')+jpeg")
        answer = tiny_run("--method", "clean", *(word for chain in chains for word in ("--attacker", chain)), "--json")
        assert answer.code == 0, answer.err
        records = [cell["record"] for cell in answer.json]
        keys.append([record["key"] for record in records])
        for record in records:
            assert [asset["file"] for asset in record["attacker_assets"]] == ["net.safetensors"]
            assert str(tmp_path) not in json.dumps(record)
    assert keys[0] == keys[1]
    assert not set(keys[0]) & set(keys[2])


def test_the_committed_cells_keep_their_addresses(tmp_path: Path) -> None:
    records = [json.loads(file.read_text()) for file in (ROOT / "results" / "cells").glob("??/*.json")]
    given = ("auto", None)  # other weights are not in the repository
    known = [record for record in records if record["method"]["config"].get("weights") in given]
    faces = [record for record in known if record["data"]["source"] == "orl"]
    methods, attackers = (tuple({record["written"][kind] for record in faces}) for kind in ("method", "attacker"))
    seeds = tuple({record["seed"] for record in faces})
    grid = Grid(method=methods, attacker=attackers, data=("orl",), preset="desk64", seed=seeds)
    assert {record["key"] for record in faces} <= {
        one.spec.key for one in Planner(Registry(), Store(tmp_path)).plan(grid).cells
    }
    assert len(faces) >= 10


def embedded(file: Path, images: Tensor) -> np.ndarray:
    return EmbeddingOptions(embedding=f"test_resnet:{file}").embed(images.numpy())


TEST = torch.tensor(DATA.test.images)


def test_knn_is_the_vote_of_the_nearest_by_cosine(checkpoint: Checkpoint) -> None:
    file = checkpoint()
    trained = fit(f"knn(embedding='test_resnet:{file}', neighbours=4)")
    known, asked = embedded(file, TRAIN.images), embedded(file, TEST)
    nearest = np.argsort(-(asked @ known.T), axis=1, kind="stable")[:, :4]
    votes = np.stack([np.bincount(row, minlength=3) for row in TRAIN.labels.numpy()[nearest]])
    assert np.allclose(trained.classifier(TEST.float() / 255).numpy(), votes / 4)
    assert len(trained.curve) == 1


def test_the_probe_is_a_logistic_regression_on_standardised_embeddings(checkpoint: Checkpoint) -> None:
    file = checkpoint()
    trained = fit(f"linear_probe(embedding='test_resnet:{file}', c=0.1)", "grayscale")
    grayscale: Any = Registry().build("countermeasure", parse("grayscale"))
    grey = grayscale.on_set(TRAIN, torch.Generator())
    scaler = StandardScaler().fit(embedded(file, grey))
    direct = LogisticRegression(C=0.1, max_iter=10_000).fit(scaler.transform(embedded(file, grey)), TRAIN.labels)
    expected = direct.predict_proba(scaler.transform(embedded(file, TEST)))
    assert np.allclose(trained.classifier(TEST.float() / 255).numpy(), expected)
    assert trained.steps == direct.n_iter_.max() > 0


def test_more_neighbours_than_images_are_refused(tmp_path: Path) -> None:
    grid = Grid(method=("clean",), attacker=("knn(neighbours=19)",), data=(TINY,), preset="smoke")
    (cell,) = Planner(Registry(), Store(tmp_path)).plan(grid).cells
    assert "19 neighbours, and the set has 18 images" in cell.reason


@pytest.mark.parametrize("attacker", ["knn", "linear_probe", "simclr", "moco"])
@pytest.mark.parametrize(("measure", "place"), [("mixup", "batch"), ("adversarial", "step")])
def test_a_countermeasure_where_there_is_no_place_for_it_is_refused(
    tiny_run: Command, attacker: str, measure: str, place: str
) -> None:
    answer = tiny_run("--method", "clean", "--attacker", f"{attacker}+jpeg+{measure}")
    assert answer.code == 2
    assert f"{measure} acts on the {place}, where {attacker} takes no countermeasure; leave it out" in answer.complaint


@pytest.mark.parametrize("embedding", ["face", "'resnet18:'", "3"])
def test_an_embedding_that_is_none_is_refused_alike_everywhere(tiny_run: Command, embedding: str) -> None:
    for words in (
        ("--method", "clean", "--attacker", f"knn(embedding={embedding})"),
        ("--method", f"lsp(labels=kmeans, embedding={embedding})", "--attacker", "resnet18"),
    ):
        answer = tiny_run(*words)
        assert answer.code == 2
        assert f"embedding={embedding.strip(chr(39))} " in answer.complaint.replace("'", "").replace('"', "")


@pytest.mark.parametrize("size", [32, 64])
def test_a_vision_transformer_takes_small_images(size: int) -> None:
    network = networks.classifier("vit_tiny_patch16_224", 3, size)
    assert network(torch.rand(2, 3, size, size)).shape == (2, 3)
    assert network.details["input_size"] == size


def test_every_model_of_timm_is_known_and_no_other() -> None:
    for name in (*timm.list_models(), *timm.list_pretrained(), "tv_resnext50_32x4d"):  # the last one is an old name
        assert check_model(name) == name
    with pytest.raises(ValueError, match=r"not a timm model; timm.list_models\(\) names all"):
        check_model("quite_another_thing")
    with pytest.raises(UsageError, match=r"attacker 'timm': model=resnet81 is not a timm model; did you mean"):
        Registry().build("attacker", parse("timm(model=resnet81)"))
