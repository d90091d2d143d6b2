from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from uebench.data.dataset import load
from uebench.errors import DataError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.networks import FaceClassifier, classifier
from uebench.plugins.base import ImageSet, Method, Shape
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.pretrained import weights
from uebench.testing import MemoryContext

FRESH = "weights=none, maxiter=0, batch=6, rho_steps=1, norm=instance, schedule=constant, precision=float32"


def faces(size: int = 32, data: str = "synthetic(identities=3, train=6)") -> ImageSet:
    loaded = load(data, size, Registry())
    return referee.image_set(loaded.train, loaded.num_classes, torch.device("cpu"))


def build(text: str, preset: str = "desk") -> Any:  # noqa: ANN401
    return Registry().build("method", parse(text), preset)


def raw(method: Method[Any], train: ImageSet, ctx: RunContext) -> Tensor:
    """What a method adds, before rounding."""
    batch = train.batch(torch.arange(len(train)))
    with torch.no_grad():
        return method.perturb(batch, ctx) - batch.images


def fitted(text: str) -> list[dict[str, Tensor]]:
    """Fit a method on the made-up faces and return what it saved after each epoch or round."""
    ctx = MemoryContext()
    torch.manual_seed(0)
    build(text).fit(faces(), ctx)
    return [dict(saved.state) for saved in ctx.saved]


def test_clean_changes_nothing(ctx: RunContext) -> None:
    method, train = build("clean"), faces()
    assert not referee.protect(method, train, method.budget(32), ctx).any()


def test_random_noise_is_uniform_in_the_ball(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((20, 3, 32, 32), 128, dtype=torch.uint8), torch.arange(20) % 2, 2)
    noise = raw(build("random(eps=8/255)"), grey, ctx) * 255 / 8
    assert -1 <= noise.min() < -0.99
    assert 0.99 < noise.max() <= 1
    assert noise.mean().abs() < 0.01
    assert noise.var() == pytest.approx(1 / 3, rel=0.02)


def test_random_signs_use_the_whole_budget_and_are_the_signs_of_the_uniform_noise(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((20, 3, 32, 32), 128, dtype=torch.uint8), torch.arange(20) % 2, 2)
    signs = raw(build("random(values=signs, eps=8/255)"), grey, ctx)
    assert torch.allclose(signs.abs(), torch.full_like(signs, 8 / 255), atol=1e-6)
    assert torch.equal(signs.sign(), raw(build("random(eps=8/255)"), grey, ctx).sign())


def test_random_noise_is_of_the_image_or_of_the_identity(ctx: RunContext) -> None:
    grey = ImageSet(torch.full((6, 3, 8, 8), 128, dtype=torch.uint8), torch.tensor([0, 0, 1, 1, 2, 2]), 3)
    of_class = raw(build("random(noise=classwise)"), grey, ctx)
    assert torch.equal(of_class[0], of_class[1])
    assert not torch.equal(of_class[1], of_class[2])
    of_sample = raw(build("random"), grey, ctx)
    assert len({tuple(noise.flatten().tolist()) for noise in of_sample}) == 6


def test_random_noise_does_not_depend_on_the_batch(ctx: RunContext) -> None:
    train, method = faces(), build("random")
    whole = raw(method, train, ctx)
    part = train.batch(torch.tensor([5, 2]))
    assert torch.equal(method.perturb(part, ctx) - part.images, whole[[5, 2]])


@pytest.mark.parametrize(("size", "patch"), [(32, 8), (64, 8), (30, 8), (32, 32), (224, 56)])
def test_lsp_has_exactly_the_authors_length_before_clipping(ctx: RunContext, size: int, patch: int) -> None:
    method = build(f"lsp(patch={patch})")
    method.fit(faces(size), ctx)
    lengths = method.state()["noise"].double().flatten(1).norm(dim=1)
    assert torch.allclose(lengths, torch.full_like(lengths, 6 / 255 * math.sqrt(3 * size * size)), rtol=1e-5)


def test_lsp_is_made_of_patches_and_linearly_separable(ctx: RunContext) -> None:
    from sklearn.linear_model import LogisticRegression

    train, method = faces(32, "synthetic(identities=4, train=20)"), build("lsp(patch=8)")
    method.fit(train, ctx)
    noise = method.state()["noise"]
    patches = noise.unfold(2, 8, 8).unfold(3, 8, 8)
    assert torch.equal(patches, patches[..., :1, :1].expand_as(patches))
    features = noise.flatten(1).numpy()
    fitted = LogisticRegression(max_iter=500).fit(features[::2], train.labels[::2])
    assert fitted.score(features[1::2], train.labels[1::2]) > 0.95


def test_lsp_says_beforehand_which_patch_is_too_large_for_so_many_identities(ctx: RunContext) -> None:
    method = build("lsp(patch=32)")
    assert method.obstacle(Shape(32, (2,) * 8)) is None
    said = "patch=32: at 32 pixels its 3 colour values tell 8 identities apart, and the set has 9; use a smaller patch"
    assert method.obstacle(Shape(32, (2,) * 9)) == said
    assert build("lsp(patch=31)").obstacle(Shape(32, (2,) * 4096)) is None
    for identities in (8, 9):
        train = ImageSet(torch.zeros(identities, 3, 32, 32, dtype=torch.uint8), torch.arange(identities), identities)
        if identities == 8:
            method.fit(train, ctx)
        else:
            with pytest.raises(ValueError, match="n_informative"):  # as scikit-learn would say it
                method.fit(train, ctx)


def test_lsp_serves_unequal_identities(ctx: RunContext) -> None:
    images = torch.zeros(7, 3, 16, 16, dtype=torch.uint8)
    train = ImageSet(images, torch.tensor([0, 1, 1, 1, 1, 1, 0]), 2)
    method = build("lsp")
    method.fit(train, ctx)
    assert torch.isfinite(method.state()["noise"]).all()


SHORT = {
    "clean": "", "random": "", "lsp": "patch=56", "ar": "", "ops": "", "cuda": "",
    "pil": "epochs=1, steps=2",
    "bait": "rounds=3, maxiter=1, batch=2",
    "tap": "epochs=1, batch=4, steps=1",
    "hypocritical": "epochs=1, batch=4, steps=1",
    "aue": "epochs=1, batch=4, steps=1",
    "aap": "epochs=1, batch=4, steps=1",
    "sem": "rounds=1, steps=1, samples=1, rho_steps=1, batch=4, regenerate=false",
    "ue": "rounds=1, train_steps=1, steps=1, batch=4",
    "rue": "rounds=1, steps=1, samples=1, rho_steps=1, batch=4, regenerate=false",
    "tue": "rounds=1, steps=2, batch=4",
    "deepconfuse": "trials=1, epochs=1, batch=4",
    "gue": "epochs=1, inner_steps=1, width=4, batch=4",
    "segue": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
    "segue_restart": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
    "segue_unguided": "weights=none, epochs=1, maxiter=1, batch=4, rho_steps=1",
}  # fmt: skip


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("name", Registry().ready("method"))
def test_every_method_protects_photographs_of_224_pixels_within_its_budget(ctx: RunContext, name: str) -> None:
    train, method = faces(224, "synthetic(identities=2, train=2, test=1)"), build(f"{name}({SHORT[name]})")
    method.fit(train, ctx)
    assert referee.protect(method, train, method.budget(224), ctx).shape == (4, 3, 224, 224)


@pytest.mark.usefixtures("small_networks")
def test_a_fit_reports_the_losses_of_each_epoch_and_why_it_stopped(ctx: RunContext) -> None:
    build(f"segue({FRESH}, epochs=3, surrogate_every=2, stop_loss=0.0)").fit(faces(), ctx)
    assert [("surrogate" in one, "objective" in one) for one in ctx.rounds] == [
        (True, True),
        (False, True),
        (True, True),
    ]
    assert {one["stopped"] for one in ctx.rounds} == {""}
    ctx = RunContext(torch.device("cpu"), 0)
    build(f"segue({FRESH}, epochs=3, stop_loss=100.0)").fit(faces(), ctx)
    assert [one["stopped"] for one in ctx.rounds] == ["surrogate's loss below 100"]


@pytest.mark.usefixtures("small_networks")
def test_weights_travel_in_a_file_that_says_what_it_is(ctx: RunContext, tmp_path: Path) -> None:
    method, train, file = (
        build("segue(weights=none, epochs=1, batch=6, rho_d=0.0, maxiter=0)"),
        faces(),
        tmp_path / "g.safetensors",
    )
    method.fit(train, ctx)
    meta = {"method": "segue", "size": 32, "config": method.config.published()}
    weights.save(file, method.state(), meta)
    again = build(f"segue(weights='{file}')")
    assert again.assets(32) == (file,)
    again.fit(train, ctx)
    assert torch.equal(raw(again, train, ctx), raw(method, train, ctx))
    with pytest.raises(DataError, match="trained at 32 pixels, the images have 64"):
        again.fit(faces(64), ctx)
    with pytest.raises(DataError, match="trained with norm"):
        other = "instance" if method.config.norm == "batch" else "batch"
        build(f"segue(weights='{file}', norm={other})").fit(train, ctx)
    weights.save(file.with_name("o.safetensors"), method.state(), meta | {"method": "ue"})
    with pytest.raises(DataError, match="weights of ue, not of segue"):
        build(f"segue(weights='{tmp_path}/o.safetensors')").fit(train, ctx)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_what_is_not_a_weights_file_is_refused(content: bytes, ctx: RunContext, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    with pytest.raises(DataError, match="not a weights file"):
        build(f"segue(weights='{file}')").fit(faces(), ctx)


@pytest.mark.parametrize(("inputs", "low", "high"), [("scaled", -1, 1), ("raw", 0, 1), ("centred", -0.5, 0.5)])
def test_a_network_normalises_as_it_is_told(inputs: Any, low: float, high: float) -> None:  # noqa: ANN401
    model = classifier("resnet18", 3, 32, inputs=inputs)
    seen: list[Tensor] = []
    model.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.eval()(torch.stack([torch.zeros(3, 32, 32), torch.ones(3, 32, 32)]))
    assert [seen[0][0].min(), seen[0][0].max(), seen[0][1].min(), seen[0][1].max()] == [low, low, high, high]


def test_every_network_takes_images_in_0_1_and_returns_logits() -> None:
    model = classifier("inception_v3", 4, 32)
    assert isinstance(model, FaceClassifier)
    assert model.details["input_size"] == 75
    assert model.details["upsampled_from"] == 32
    assert model.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 4)
