from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.methods.test_methods import build, faces, raw
from uebench.errors import DataError
from uebench.evaluation.context import RunContext
from uebench.networks import ResNetGenerator, pretrained
from uebench.plugins.base import ImageSet, Shape
from uebench.pretrained import weights
from uebench.testing import MemoryContext

SHORT = "clusters=3, epochs=2, batch=8, precision=float32"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a checkpoint of a small network whose features differ from image to image."""
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 2)  # timm leaves some of them at zero
    path = tmp_path_factory.mktemp("surrogate") / "net.safetensors"
    save_file(network.state_dict(), path)
    return path


def uc(file: Path, options: str = SHORT) -> Any:  # noqa: ANN401
    return build(f"uc(model=test_resnet, surrogate='{file}', {options})")


def features(file: Path, images: Tensor) -> Tensor:
    """Return the pooled features of the checkpoint's network, as timm computes them."""
    network = timm.create_model("test_resnet", num_classes=7).eval()
    network.load_state_dict(pretrained("test_resnet", 7, 32, file).network.state_dict())
    settings = timm.data.resolve_model_data_config(network)  # type: ignore[attr-defined,no-untyped-call]
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        maps = network.forward_features((images - mean) / std)  # type: ignore[operator]
        return network.forward_head(maps, pre_logits=True)  # type: ignore[operator,no-any-return]


def fitted(file: Path, train: ImageSet, options: str = SHORT) -> tuple[Any, MemoryContext]:
    method, ctx = uc(file, options), MemoryContext()
    torch.manual_seed(0)
    method.fit(train, ctx)
    return method, ctx


@pytest.mark.usefixtures("small_networks")
def test_no_label_is_looked_at(file: Path, ctx: RunContext) -> None:
    train = faces()
    others = ImageSet(train.images, train.labels.flip(0) % 2, 2)
    one, two = (fitted(file, labelled)[0] for labelled in (train, others))
    assert torch.equal(raw(one, train, ctx), raw(two, others, ctx))


@pytest.mark.usefixtures("small_networks")
def test_centres_are_the_means_of_the_clusters_of_features_and_no_image_is_nearer_to_another(file: Path) -> None:
    train = faces()
    method, _ = fitted(file, train)
    found = features(file, train.images.float() / 255).double().numpy()
    centres = method.state()["centres"].double().numpy()
    owner = np.array([np.argmin([np.linalg.norm(row - centre) for centre in centres]) for row in found])
    assert set(owner) == {0, 1, 2}
    for cluster, centre in enumerate(centres):
        assert np.allclose(found[owner == cluster].mean(0), centre, atol=1e-4)


@pytest.mark.usefixtures("small_networks")
def test_images_of_a_cluster_share_the_perturbation_that_its_generator_made(file: Path, ctx: RunContext) -> None:
    train = faces()
    grey = ImageSet(train.images // 4 + 96, train.labels, train.num_classes)  # no perturbed pixel is cut off
    method, _ = fitted(file, grey)
    noise, centres = method.state()["noise"], method.state()["centres"]
    owner = (features(file, grey.images.float() / 255)[:, None] - centres).norm(dim=2).argmin(1)
    assert len(set(owner.tolist())) > 1
    assert torch.allclose(raw(method, grey, ctx), noise[owner], atol=1e-6)
    assert 0 < noise.abs().max() <= 8 / 255 + 1e-6
    assert not torch.allclose(noise[0], noise[1])


def test_the_loss_is_the_divergence_of_the_features_from_the_centre_as_distributions(file: Path) -> None:
    rows, centre = [[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]], [1.0, -1.0, 0.0]

    def softmax(values: list[float]) -> list[float]:
        total = sum(math.exp(value) for value in values)
        return [math.exp(value) / total for value in values]

    wanted = softmax(centre)
    divergences = [sum(p * math.log(p / q) for p, q in zip(wanted, softmax(row), strict=True)) for row in rows]
    found = uc(file).objective(torch.tensor(rows), torch.tensor(centre))
    assert float(found) == pytest.approx(sum(divergences) / 2, rel=1e-5)
    assert float(uc(file).objective(torch.tensor([centre]), torch.tensor(centre))) == pytest.approx(0, abs=1e-6)


def test_each_perturbation_moves_all_images_towards_the_centre_of_the_next_cluster_and_of_the_last_to_the_first(
    file: Path,
) -> None:
    train = faces()
    method, _ = fitted(file, train, "clusters=3, epochs=6, batch=8, eps=32/255, precision=float32")
    images, state = train.images.float() / 255, method.state()
    for cluster in range(3):
        target = state["centres"][(cluster + 1) % 3]
        before, after = (
            float(method.objective(features(file, seen.clamp(0, 1)), target))
            for seen in (images, images + state["noise"][cluster])
        )
        assert after < 0.6 * before


@pytest.mark.usefixtures("small_networks")
def test_each_generator_sees_all_images_in_each_of_its_epochs(file: Path) -> None:
    _, ctx = fitted(file, faces())
    assert [int(one.state["optimizer.0.step"]) for one in ctx.saved] == [3, 6, 3, 6, 3, 6]  # 18 images, 8 in a batch


@pytest.mark.usefixtures("small_networks")
def test_the_learning_rate_falls_along_the_authors_cosine(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr("uebench_methods.uc.set_rate", lambda _, rate: rates.append(rate))
    fitted(file, faces(), f"{SHORT}, lr=1e-3")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], 1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6, eta_min=1e-6)
    expected = []
    for _ in range(6):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(expected * 3)


@pytest.mark.usefixtures("small_networks")
def test_what_uc_learned_protects_other_images_by_their_own_clusters(
    file: Path, ctx: RunContext, tmp_path: Path
) -> None:
    train = faces()
    method, _ = fitted(file, train)
    kept = tmp_path / "uc.safetensors"
    weights.save(kept, method.state(), {"method": "uc", "size": 32, "config": method.config.published()})
    again = uc(file, f"{SHORT}, weights='{kept}'")
    assert again.assets(32) == (file, kept)
    assert again.streams(32)
    assert not method.streams(32)
    others = faces(data="synthetic(identities=5, train=2, seed=3)")
    again.fit(others, ctx)
    assert torch.equal(raw(again, others, ctx), raw(method, others, ctx))
    with pytest.raises(DataError, match="trained with clusters=3"):
        uc(file, f"clusters=4, weights='{kept}'").fit(others, ctx)


def test_the_surrogate_sees_images_of_the_size_that_it_expects(file: Path) -> None:
    seen = []
    for size in (0, 48):
        method = uc(file, f"{SHORT}, input_size={size}")
        images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        enlarged = torch.nn.functional.interpolate(images, size=size or 32, mode="bilinear", align_corners=False)
        seen.append(method._features(images))
        assert torch.allclose(seen[-1], features(file, enlarged), rtol=1e-4, atol=1e-3)
    assert not torch.allclose(*seen)


def test_what_uc_cannot_do_is_said_before_work_starts(file: Path) -> None:
    assert "multiple of 4" in (uc(file).obstacle(Shape(66, (5,) * 10)) or "")
    assert "3 clusters, and the set has 2 images" in (uc(file).obstacle(Shape(64, (1, 1))) or "")
    assert uc(file).obstacle(Shape(64, (5,) * 10)) is None
    assert uc(file, "weights='made.safetensors'").obstacle(Shape(64, (1, 1))) is None  # nothing is clustered


@pytest.mark.parametrize("size", [8, 32, 100])
def test_the_generator_has_the_authors_size_and_returns_images_of_the_size_it_is_given(size: int) -> None:
    generator = ResNetGenerator()
    assert sum(weight.numel() for weight in generator.parameters()) == 7_841_411
    made = generator(torch.rand(2, 3, size, size))
    assert made.shape == (2, 3, size, size)
    assert made.abs().max() < 1
