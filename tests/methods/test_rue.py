"""RUE: noise against an attacker that trains adversarially."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from uebench_methods.rue import Rue

from tests.methods.surrogates import a_surrogate
from tests.methods.test_methods import build, faces
from uebench.evaluation.context import RunContext
from uebench.networks import frozen
from uebench.ops import Noise
from uebench.plugins.base import Batch

pytestmark = pytest.mark.usefixtures("small_networks")


def test_shifts_may_grow_with_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    shifts: list[int] = []

    def transform(images: Tensor, rng: torch.Generator, *, flip: bool, crop: int) -> Tensor:
        shifts.append(crop)
        return images

    monkeypatch.setattr("uebench_methods.rue.flip_crop", transform)
    for crop in ("4", "by_size"):
        for size in (32, 64, 96):
            build(f"rue(crop={crop})")._transform(torch.zeros(1, 3, size, size), torch.Generator())
    assert shifts == [4, 4, 4, 4, 8, 12]


def rue_batch(method: Rue) -> tuple[Any, Batch, Noise]:
    train = faces()
    noise = Noise.zeros(len(train), 32, method.config.eps, torch.device("cpu"))
    return frozen(a_surrogate()), train.batch(torch.arange(len(train))), noise


def worst_case(method: Rue, model: Any, batch: Batch, delta: Tensor, rng: torch.Generator) -> float:  # noqa: ANN401
    def loss(images: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(model(images), batch.labels)

    images = batch.images + delta
    return loss(images + method.adversary(loss, images, rng)).item()


def test_the_inner_ascent_raises_and_the_outer_descent_lowers_the_loss(ctx: RunContext) -> None:
    method = build("rue(steps=4, step=4/255, samples=2, rho_steps=3, rho_step=2/255, flip=false, crop=0)")
    model, batch, noise = rue_batch(method)

    def plain(delta: Tensor) -> float:
        return torch.nn.functional.cross_entropy(model(batch.images + delta), batch.labels).item()

    zero = torch.zeros_like(batch.images)
    assert worst_case(method, model, batch, zero, ctx.rng("a")) > plain(zero)
    better = method.improve(model, batch, noise, ctx.rng("b"))
    assert better.abs().max() <= 8 / 255 + 1e-6
    assert worst_case(method, model, batch, better, ctx.rng("a")) < worst_case(method, model, batch, zero, ctx.rng("a"))


def test_the_adversary_keeps_its_radius(ctx: RunContext) -> None:
    method = build("rue(rho_d=4/255, rho_step=3/255)")
    model, batch, _ = rue_batch(method)
    delta = method.adversary(
        lambda x: torch.nn.functional.cross_entropy(model(x), batch.labels), batch.images, ctx.rng("a")
    )
    assert 0 < delta.abs().max() <= 4 / 255 + 1e-6
    assert not build("rue(rho_d=0.0)").adversary(lambda x: x.sum(), batch.images, ctx.rng("a")).any()


def test_the_gradient_comes_back_through_the_transformation(ctx: RunContext) -> None:
    """With a loss that looks at the left half of what it sees, mirrored images must change on the right."""
    method = build("rue(samples=1, rho_d=0.0, flip=true, crop=0, steps=1, restart=false)")
    train = faces()
    batch = train.batch(torch.arange(len(train)))
    noise = Noise.zeros(len(train), 32, 8 / 255, torch.device("cpu"))

    def left(images: Tensor) -> Tensor:
        return torch.stack([images[..., :16].mean((1, 2, 3)), images.new_zeros(len(images))], 1).repeat(1, 2)[:, :3]

    moved = method.improve(left, batch, noise, ctx.rng("a")).ne(0).any(1).any(1)
    sides = {(bool(row[:16].any()), bool(row[16:].any())) for row in moved}
    assert sides == {(True, False), (False, True)}


def test_rue_trains_and_regenerates(ctx: RunContext) -> None:
    options = "rounds=1, batch=6, steps=1, samples=1, rho_steps=1"
    train, kept, anew = faces(), build(f"rue({options}, regenerate=false)"), build(f"rue({options})")
    for method in (kept, anew):
        method.fit(train, ctx)
        assert method.state()["noise"].ne(0).any()
    assert not torch.equal(kept.state()["noise"], anew.state()["noise"])
