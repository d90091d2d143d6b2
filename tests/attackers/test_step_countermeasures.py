"""Countermeasures in each step, each against an independent reference; and their neutral settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.attackers.measures import TRAIN, build, faces, network, on_batch, rng
from uebench.ops import plasma
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


@pytest.mark.parametrize("text", ["adversarial(rho=4/255)", "adversarial(rho=4/255, step=2/255, random_start=true)"])
def test_adversarial_examples_stay_in_the_ball_and_raise_the_loss(text: str) -> None:
    model = network().train()
    train = faces(6, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    got = build(text).on_step(images, targets, model, rng())
    assert model.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert (got - images).abs().max() <= 4 / 255 + 1e-6
    assert 0 <= got.min() <= got.max() <= 1
    model.eval()
    with torch.no_grad():
        losses = [float(torch.nn.functional.cross_entropy(model(point), targets)) for point in (images, got)]
    assert losses[1] > losses[0]


def test_adversarial_steps_agree_with_the_textbook_loop() -> None:
    model, train = network().eval(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    got = build("adversarial(rho=4/255)").on_step(images, targets, model, rng())
    point = images.clone()
    for _ in range(5):
        point = point.detach().requires_grad_()
        torch.nn.functional.cross_entropy(model(point), targets).backward()  # type: ignore[no-untyped-call]
        assert point.grad is not None
        point = point.detach() + 4 / 255 / 5 * point.grad.sign()
        point = torch.minimum(torch.maximum(point, images - 4 / 255), images + 4 / 255).clamp(0, 1)
    assert torch.allclose(got, point, atol=1e-6)


def test_the_segue_authors_look_for_the_adversary_in_train_mode() -> None:
    """Five steps of rho/5 from the image, clipped at the end; each forward pass moves the running statistics."""
    mine, theirs, train = network().train(), network().train(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    got = build("adversarial(preset=segue_paper)").on_step(images, targets, mine, rng())
    delta = torch.zeros_like(images)
    for _ in range(5):
        delta = delta.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(theirs(images + delta), targets), delta)
        delta = (delta + 4 / 255 / 5 * gradient.sign()).clamp(-4 / 255, 4 / 255)
    assert torch.allclose(got, (images + delta.detach()).clamp(0, 1), atol=1e-6)
    assert mine.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in mine.parameters())
    states = zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True)
    assert all(torch.allclose(tensor.float(), other.float(), atol=1e-6) for (_, tensor), other in states)
    assert int(mine.state_dict()["network.bn1.num_batches_tracked"]) == 5


def test_the_mode_of_the_search_is_the_authors_at_paper_and_as_before_elsewhere() -> None:
    registry, text = Registry(), parse("adversarial(rho=1/255)")
    published = {
        preset: registry.build("countermeasure", text, preset).config.published()
        for preset in ("", "smoke", "desk", "desk64", "paper")
    }
    assert published["paper"] == published[""] | {"mode": "train", "clamp": "end"}
    assert published["desk"] == published["desk64"] == published[""] | {"steps": 2}
    assert published["smoke"] == published[""] == {"rho": 1 / 255, "steps": 5, "step": None, "random_start": False}


def test_ueraser_keeps_of_several_draws_the_one_with_the_highest_loss() -> None:
    model, train = network().eval(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()

    def losses(points: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(model(points), targets, reduction="none")

    source, single = rng(7), build("ueraser(repeat=1)")
    draws = torch.stack([single.on_step(images, targets, model, source) for _ in range(4)])
    got = build("ueraser(repeat=4)").on_step(images, targets, model, rng(7))
    assert 0 <= got.min() <= got.max() <= 1
    assert torch.allclose(losses(got), torch.stack([losses(draw) for draw in draws]).amax(0))


@pytest.mark.parametrize(("preset", "passes"), [("smoke", 0), ("desk", 4), ("official", 4)])
def test_ueraser_judges_the_draws_in_its_authors_train_mode(preset: str, passes: int) -> None:
    model, train = network().train(), faces(4, 32)
    images, targets = train.images.float() / 255, torch.nn.functional.one_hot(train.labels, 3).float()
    measure: Any = Registry().build("countermeasure", parse("ueraser(repeat=4)"), preset)
    measure.on_step(images, targets, model, rng())
    assert model.training
    assert int(model.state_dict()["network.bn1.num_batches_tracked"]) == passes


def test_ueraser_takes_each_of_its_first_steps_half_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uebench_attackers.countermeasures.ueraser.augment_each", lambda images, *_: images)
    images = torch.rand(2000, 3, 4, 4, generator=rng(1))
    for p, kept in ((0.5, 1 / 4 * (1 / 2 + 1 / 2 / 6)), (0.0, 1)):  # of six orders of the channels one is the old one
        got = build(f"ueraser(repeat=1, p={p})").on_step(images, images, network(), rng())
        assert float((got == images).flatten(1).all(1).float().mean()) == pytest.approx(kept, abs=0.03)
    assert build("ueraser").config.published() == {"repeat": 5, "p": 0.5, "mode": "eval"}


def test_ueraser_brightens_by_half_of_a_field_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    part = "uebench_attackers.countermeasures.ueraser"
    monkeypatch.setattr(f"{part}.augment_each", lambda images, *_: images)
    monkeypatch.setattr(f"{part}.plasma", lambda count, size, _: torch.ones(count, 1, size, size))
    black = torch.zeros(1000, 3, 2, 2)
    brightened = build("ueraser(repeat=1)").on_step(black, black, network(), rng())
    assert float(brightened.gt(0).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert float(brightened[brightened > 0].min()) >= 0.5


def test_plasma_is_cloudy_and_runs_from_black_to_white() -> None:
    field = plasma(5, 32, rng())
    assert field.shape == (5, 1, 32, 32)
    assert torch.equal(field.amin((1, 2, 3)), torch.zeros(5))
    assert torch.equal(field.amax((1, 2, 3)), torch.ones(5))
    assert (field[..., 1:] - field[..., :-1]).abs().mean() < 0.5 * (field - field.roll(16, 3)).abs().mean()


NEUTRAL = [
    "mixup(alpha=0)", "cutmix(holes=0)", "cutout(holes=0)", "bit_depth(bits=8)", "adversarial(rho=0)", "blur(kernel=1)",
    "resize(scale=1.0)", "low_pass(cutoff=1.5)", "uniform_noise(radius=0)", "gaussian_noise(sigma=0)",
    "flip_crop(flip=false, crop=0)", "randaugment(operations=0)", "coin(alpha=0)",
    "sharpen_dct(centre=1, spread=0, keep=1)",
]  # fmt: skip


@pytest.mark.parametrize("text", NEUTRAL)
def test_the_neutral_setting_changes_nothing(text: str) -> None:
    measure = build(text)
    images, targets, changed, labels = on_batch(text)
    assert torch.equal(measure.on_set(TRAIN, rng()), TRAIN.images)
    assert torch.equal(changed, images)
    assert torch.equal(labels, targets)
    assert torch.equal(measure.on_step(images, targets, network(), rng()), images)
