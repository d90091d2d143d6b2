from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.conftest import TINY
from uebench.data.dataset import load
from uebench.data.side_information import SideInformation, cluster, corrupt, purity, split_options
from uebench.errors import UsageError
from uebench.planning.grid import Grid, Planner
from uebench.plugins.base import Split
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.store.record_parts import Counts, SideInformationRecord
from uebench.store.store import Store

LABELS = np.repeat(np.arange(5), 40)


def test_labels_are_options_of_any_method() -> None:
    rest, side = split_options(parse("lsp(labels=kmeans, patch=8)"))
    assert str(rest) == "lsp(patch=8)"
    assert side.labels == "kmeans"
    assert split_options(parse("lsp(labels=true)"))[1].true
    assert split_options(parse("lsp"))[1].true
    assert split_options(parse("lsp(labels=0.8)"))[1].labels == 0.8


@pytest.mark.parametrize("value", ["80", "1.5", "0", "kmean", "false", "none"])
def test_other_labels_are_refused_with_the_remedy(value: str) -> None:
    with pytest.raises(UsageError, match=r"method 'lsp': labels=.* write labels=true, labels=kmeans or, say"):
        split_options(parse(f"lsp(labels={value})"))


def test_a_share_of_the_labels_stays_true_and_no_other_does() -> None:
    wrong = corrupt(LABELS, 0.8, 5, seed=0)
    assert (wrong == LABELS).sum() == 160
    assert set(wrong) == set(range(5))
    assert np.array_equal(wrong, corrupt(LABELS, 0.8, 5, seed=0))
    assert not np.array_equal(wrong, corrupt(LABELS, 0.8, 5, seed=1))


def test_purity_counts_the_commonest_identity_of_each_label() -> None:
    labels, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([4, 4, 1, 1, 1, 0])
    expected = sum(max((truth[labels == label] == who).sum() for who in range(5)) for label in range(3))
    assert purity(labels, truth) == Counts(correct=expected, n=6) == Counts(correct=5, n=6)


def test_clusters_do_not_depend_on_the_true_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SideInformation, "embed", lambda _, images: images.reshape(len(images), -1).astype(float))
    data = load("synthetic(identities=4, train=9)", 16, Registry())
    side = SideInformation(labels="kmeans")
    found, said = side.make(data.train, 4, seed=0)
    renamed = Split(data.train.images, (data.train.labels * 3 + 1) % 4)
    again, said_again = side.make(renamed, 4, seed=0)
    assert np.array_equal(found, again)
    assert said == said_again
    assert set(found) == set(range(4))


def test_clusters_of_well_apart_embeddings_are_the_identities() -> None:
    points = np.eye(5)[LABELS] + np.random.default_rng(0).normal(0, 0.01, (200, 5))
    assert purity(cluster(points, 5, seed=0), LABELS) == Counts(correct=200, n=200)


@pytest.mark.parametrize("seed", [2**32, 2**63 - 1])
def test_any_seed_of_a_run_can_seed_the_clusters(seed: int) -> None:
    points = np.random.default_rng(0).normal(size=(60, 3))
    assert np.array_equal(cluster(points, 5, seed), cluster(points, 5, seed % 2**32))


def test_faces_of_the_embedded_set_cluster_by_person() -> None:
    data = load("orl(identities=3)", 64, Registry())
    labels, said = SideInformation(labels="kmeans").make(data.train, 3, seed=0)
    assert said == SideInformationRecord(labels="kmeans", embedding="dlib", purity=Counts(correct=21, n=21))
    assert np.bincount(labels).tolist() == [7, 7, 7]


def test_a_timm_checkpoint_may_embed_instead(tmp_path: Path) -> None:
    torch.manual_seed(0)
    file = tmp_path / "net.safetensors"
    save_file(timm.create_model("resnet10t", num_classes=0).state_dict(), file)
    side = SideInformation(labels="kmeans", embedding=f"resnet10t:{file}")
    images = load(TINY, 32, Registry()).train.images
    rows = side.embed(images)
    assert rows.shape == (18, 512)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert side.published() == {"labels": "kmeans", "embedding": "resnet10t:net.safetensors"}
    assert side.assets() == (file,)
    assert "no such file" in SideInformation(labels="kmeans", embedding="resnet10t:gone.pth").obstacle()


def test_without_dlib_the_reason_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    reason = SideInformation(labels="kmeans").obstacle()
    assert "pip install 'uebench[faces]'" in reason
    assert not SideInformation(labels="true").obstacle()


def test_labels_enter_the_key_and_the_name(tmp_path: Path) -> None:
    methods = ("lsp", "lsp(labels=true)", "lsp(labels=0.8)", "lsp(labels=0.6)", "lsp(labels=kmeans)")
    grid = Grid(method=methods, attacker=("resnet18",), data=(TINY,), preset="smoke")
    cells = [one.spec.protection for one in Planner(Registry(), Store(tmp_path)).plan(grid).cells]
    assert [cell.method.written for cell in cells] == [
        "lsp", "lsp(labels=0.8)", "lsp(labels=0.6)", "lsp(labels=kmeans)",
    ]  # fmt: skip
    assert len({cell.key for cell in cells}) == 4
    assert len(cells[3].assets) == 2
