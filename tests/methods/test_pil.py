from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.methods.test_methods import build, faces, raw
from uebench.evaluation.context import RunContext
from uebench.ops import input_gradient
from uebench.testing import MemoryContext

Array = NDArray[np.float64]


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def value_and_gradient(weights: Array, delta: Array, images: Array, labels: Array, alpha: float) -> tuple[float, Array]:
    """The objective and its derivative with respect to delta, worked out by hand; all arrays flat."""
    classes, rows = len(weights), np.arange(len(labels))
    share = softmax(delta @ weights.T)
    shortcut = -np.log(share[rows, labels.astype(int)]).sum()
    by_shortcut = (share - np.eye(classes)[labels.astype(int)]) @ weights
    told = softmax((images - delta) @ weights.T)
    divergence = (np.log(1 / classes / told) / classes).sum()
    by_divergence = -(told - 1 / classes) @ weights
    return alpha * shortcut + (1 - alpha) * divergence, alpha * by_shortcut + (1 - alpha) * by_divergence


def with_weights(text: str = "pil", size: int = 6) -> Any:  # noqa: ANN401
    method = build(text)
    method.load({"weights": rand(4, 3, size, size) - 0.5})
    return method


def flat(tensor: Tensor) -> Array:
    return tensor.double().flatten(1).numpy()


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 1.0])
def test_objective_and_gradient_are_those_worked_out_by_hand(alpha: float) -> None:
    method = with_weights(f"pil(alpha={alpha})")
    delta, images, labels = rand(5, 3, 6, 6, seed=1) - 0.5, rand(5, 3, 6, 6, seed=2), torch.tensor([0, 3, 1, 1, 2])
    expected, slope = value_and_gradient(
        flat(method.state()["weights"]), flat(delta), flat(images), labels.double().numpy(), alpha
    )
    assert float(method.objective(delta, images, labels)) == pytest.approx(expected, rel=1e-5)
    found = input_gradient(lambda one: method.objective(one, images, labels), delta)
    assert np.allclose(flat(found), slope, atol=1e-5)


def test_the_perturbation_is_subtracted_after_sign_steps_from_a_uniform_start(ctx: RunContext) -> None:
    method, train = with_weights("pil(steps=7, eps=8/255, step=2/255)"), faces(6)
    weights, batch = flat(method.state()["weights"]), train.batch(torch.arange(len(train)))
    images = flat(batch.images)
    draws = torch.stack([torch.rand(3, 6, 6, generator=ctx.rng("start", row)) for row in range(len(train))])
    delta = -(2 * flat(draws) - 1) * 8 / 255
    for _ in range(7):
        _, slope = value_and_gradient(weights, delta, images, batch.labels.double().numpy(), 0.9)
        delta = np.clip(delta - 2 / 255 * np.sign(slope), -8 / 255, 8 / 255)
    assert np.allclose(flat(method.perturb(batch, ctx)), np.clip(images - delta, 0, 1), atol=1e-6)


def test_the_classifier_takes_the_perturbation_for_the_identity_and_learns_less_from_the_image(ctx: RunContext) -> None:
    train, method = faces(), build("pil(epochs=30, batch=6)")
    method.fit(train, ctx)
    batch = train.batch(torch.arange(len(train)))
    weights, images = method.state()["weights"].flatten(1), batch.images.flatten(1)
    assert ((images @ weights.T).argmax(1) == batch.labels).float().mean() > 0.9
    delta = -raw(method, train, ctx).flatten(1)
    assert ((delta @ weights.T).argmax(1) == batch.labels).all()
    clean, protected = (torch.softmax(seen @ weights.T, 1) for seen in (images, images - delta))
    rows = torch.arange(len(train))
    assert protected[rows, batch.labels].mean() < clean[rows, batch.labels].mean()


def test_a_perturbation_depends_on_the_image_and_its_row_alone(ctx: RunContext) -> None:
    method, train = with_weights("pil(steps=1)"), faces(6)
    whole, part = (train.batch(torch.tensor(rows)) for rows in (range(len(train)), [5, 2]))
    assert torch.equal(method.perturb(part, ctx), method.perturb(whole, ctx)[[5, 2]])
    assert not torch.equal(method.perturb(part, ctx), method.perturb(part, RunContext(ctx.device, 1)))


def test_the_classifier_sees_the_pixels_as_they_are_and_has_no_bias() -> None:
    from uebench_methods.pil import linear

    model = linear(4, 6)
    first, second = (weights.detach().numpy() for weights in model.network.parameters())
    images = rand(3, 3, 6, 6)
    expected = images.flatten(1).numpy() @ first.T @ second.T
    assert np.allclose(model(images).detach().numpy(), expected, atol=1e-5)


def test_what_is_kept_of_the_classifier_is_the_product_of_its_layers() -> None:
    kept, method, train = MemoryContext(), build("pil(epochs=2, batch=6)"), faces(6)
    method.fit(train, kept)
    last = kept.saved[-1].state
    product = last["model.network.2.weight"] @ last["model.network.1.weight"]
    assert torch.allclose(method.state()["weights"].flatten(1), product, atol=1e-6)


def test_what_was_learned_protects_other_images_of_the_same_people(ctx: RunContext) -> None:
    train, method = faces(), build("pil(epochs=2, batch=6)")
    method.fit(train, ctx)
    others = faces(data="synthetic(identities=3, train=9)")
    assert 7.9 / 255 < raw(method, others, ctx).abs().max() <= 8 / 255 + 1e-6


@pytest.mark.parametrize(("preset", "size"), [("desk64", 64), ("desk", 96), ("paper", 224)])
def test_the_rate_falls_as_the_number_of_pixels_grows(preset: str, size: int) -> None:
    assert build("pil", preset).config.lr == pytest.approx(0.003 * (32 / size) ** 2)
