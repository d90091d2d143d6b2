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


@pytest.mark.parametrize(("rho_d", "step"), [("4/255", 0.8 / 255), ("2/255", 0.4 / 255), ("0", 0.0)])
def test_the_step_can_follow_the_radius_as_in_table_8(rho_d: str, step: float) -> None:
    assert build(f"rue(rho_d={rho_d}, rho_step=none, rho_steps=5)").config.rho_step == step
    assert build(f"rue(rho_d={rho_d}, rho_step=none, rho_steps=10)").config.rho_step == step
    assert build(f"rue(rho_d={rho_d}, rho_step=none, rho_steps=2)").config.rho_step == pytest.approx(2.5 * step)
    assert build(f"rue(rho_d={rho_d})").config.rho_step == 2 / 255


@pytest.mark.parametrize("rho", [0, 4 / 255])
def test_around_the_clean_image_noise_takes_the_gradient_that_the_adversary_finds_there(
    rho: float, ctx: RunContext
) -> None:
    """Against the Segue authors' loop, written out."""
    method = build(f"rue(preset=segue_code, rho_d={rho}, rho_steps=3, eps=8/255)")
    model, batch, noise = rue_batch(method)
    everyone = torch.arange(len(noise.steps))
    noise[everyone] = (torch.rand(noise[everyone].shape, generator=ctx.rng("noise")) * 2 - 1) * 8 / 255

    def gradient(images: Tensor) -> Tensor:
        images = images.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(model(images), batch.labels)
        return torch.autograd.grad(loss, images)[0]

    near, start = noise[batch.index].clone(), noise[batch.index]
    for _ in range(3):
        near = (near + method.config.rho_step * gradient(batch.images + near).sign()).clamp(-rho, rho)
    expected = (start - method.config.step * gradient(batch.images + near).sign()).clamp(-8 / 255, 8 / 255)
    expected = (batch.images + expected).clamp(0, 1) - batch.images
    torch.testing.assert_close(method.improve(model, batch, noise, ctx.rng("a")), expected)


def test_around_the_clean_image_the_surrogate_trains_without_an_adversary(
    ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Tensor:
        raise AssertionError("an adversary")

    monkeypatch.setattr(Rue, "adversary", refused)
    options = "rounds=2, warmup=1, batch=6, rho_steps=1, rho_d=4/255"
    build(f"rue(preset=segue_code, {options})").fit(faces(), ctx)
    with pytest.raises(AssertionError, match="an adversary"):
        build(f"rue(preset=segue_paper, {options})").fit(faces(), ctx)
