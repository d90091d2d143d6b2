from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.methods.surrogates import a_surrogate, rand
from tests.methods.test_methods import build, faces
from uebench.evaluation.context import RunContext
from uebench.networks import classifier, frozen
from uebench.ops import Noise, contrastive_view, view_of_strength
from uebench.plugins.base import Batch, Training
from uebench.testing import MemoryContext
from uebench.training.fixed_surrogate import Augmentation
from uebench.training.loop import supervised
from uebench.training.optimizers import learning_rate

pytestmark = pytest.mark.usefixtures("small_networks")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def given() -> tuple[Any, Batch, Noise]:
    train = faces()
    noise = Noise.uniform(len(train), 32, 8 / 255, torch.device("cpu"), rng(1))
    return frozen(a_surrogate()), train.batch(torch.arange(len(train))), noise


def reference(model: Any, batch: Batch, delta: Tensor, shift: int, strength: float) -> Tensor:  # noqa: ANN401
    """Four steps of 2/255 down the loss of the identity ``shift`` further, each on new views, written out."""
    draws = rng()
    for _ in range(4):
        point = (batch.images + delta).requires_grad_()
        seen = contrastive_view(point, draws, strength=strength, least_area=1 - 0.9 * strength)
        loss = -model(seen).log_softmax(1)[torch.arange(len(seen)), (batch.labels + shift) % 3].sum()
        (slope,) = torch.autograd.grad(loss, point)
        delta = (delta - 2 / 255 * slope.sign()).clamp(-8 / 255, 8 / 255)
        delta = (batch.images + delta).clamp(0, 1) - batch.images
    return delta


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("aue(steps=4, step=2/255, strength=0.7)", 0),
        ("aap(steps=4, step=2/255, gen_strength=0.7, ref_strength=0.1)", 1),
    ],
    ids=["aue", "aap"],
)
def test_the_noise_takes_sign_steps_through_views_drawn_anew(text: str, shift: int) -> None:
    model, batch, noise = given()
    found, _ = build(text).improve(model, batch, noise, rng())
    assert (found - reference(model, batch, noise[batch.index], shift, 0.7)).abs().max() < 1e-6
    assert (found - reference(model, batch, noise[batch.index], shift, 0.1)).abs().max() > 1e-3


def test_a_view_of_strength_1_is_the_contrastive_learners_but_for_the_smallest_crop() -> None:
    images = rand(8, 3, 16, 16)
    assert torch.equal(view_of_strength(images, rng(), 1.0), contrastive_view(images, rng(), least_area=0.1))
    assert view_of_strength(images, rng(), 0.0) is images


def test_a_weaker_view_stays_nearer_to_its_image() -> None:
    ramp = torch.linspace(0.2, 0.8, 32)
    images = torch.stack([ramp.expand(32, 32), ramp.flip(0)[:, None].expand(32, 32), ramp.expand(32, 32)])
    images = images.expand(200, 3, 32, 32)
    spreads, greys = [], []
    for strength in (0.2, 0.6, 1.0):
        seen = view_of_strength(images, rng(), strength)
        spreads.append(float((seen.mean((2, 3)) - images.mean((2, 3))).abs().mean()))
        greys.append(float((seen.amax(1) - seen.amin(1)).amax((1, 2)).lt(1e-5).float().mean()))
    assert spreads == sorted(spreads)
    assert greys == pytest.approx([0.04, 0.12, 0.2], abs=0.06)


@pytest.mark.parametrize("name", ["aue", "aap"])
def test_the_surrogate_learns_from_views(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strengths: list[float] = []

    def seen(images: Tensor, rng: torch.Generator, strength: float) -> Tensor:
        strengths.append(strength)
        return images

    monkeypatch.setattr(f"uebench_methods.{name}.view_of_strength", seen)
    options = {"aue": "strength=0.3", "aap": "ref_strength=0.3, gen_strength=0.9"}[name]
    build(f"{name}({options}, epochs=2, batch=9, steps=3)").fit(faces(), MemoryContext())
    noise = 0.3 if name == "aue" else 0.9
    epoch, steps = [0.3] * 2, [noise] * 6  # 18 images are two batches
    assert strengths == ([*epoch, *steps] * 2 if name == "aue" else [*epoch, *epoch, *steps])


def test_the_surrogates_rate_falls_along_a_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr("uebench_methods.aue.set_rate", lambda _, rate: rates.append(rate))
    build("aue(epochs=4, batch=9, steps=1, lr=0.2)").fit(faces(), MemoryContext())
    assert rates == pytest.approx([0.1 * (1 + math.cos(math.pi * share)) for share in (0, 0.25, 0.5, 0.75)])


def test_a_warm_cosine_rises_in_the_first_quarter_and_falls_to_zero() -> None:
    options = Training(schedule="warm_cosine", lr=0.5, epochs=4)
    rates = [learning_rate(options, step, 10) for step in range(40)]
    assert rates[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[25] == pytest.approx(0.25)
    assert 0 < rates[-1] < 0.002
    assert learning_rate(Training(schedule="warm_cosine", epochs=1), 0, 1) == Training().lr


def test_noise_made_on_views_lowers_the_loss_on_other_views_more_than_noise_made_without() -> None:
    train, draws = faces(), rng(7)
    batch = train.batch(torch.arange(len(train)))
    torch.manual_seed(0)
    model = classifier("resnet18", 3, 32)
    views = Augmentation(lambda images, draws: view_of_strength(images, draws, 0.6))
    supervised(model, train, Training(epochs=12, batch=9, lr=1e-3), (views,), MemoryContext())
    found = frozen(model)
    noise, losses = Noise.zeros(len(train), 32, 8 / 255, torch.device("cpu")), []
    changes = [
        build(f"aue(steps=30, step=1/255, strength={s})").improve(found, batch, noise, rng())[0] for s in (0, 0.6)
    ]
    for change in (0, *changes):
        draws.manual_seed(7)
        with torch.no_grad():
            seen = [found(view_of_strength(batch.images + change, draws, 0.6)) for _ in range(12)]
        losses.append(float(torch.stack([functional.cross_entropy(one, batch.labels) for one in seen]).mean()))
    clean, without, on_views = losses
    assert clean - on_views > 1.3 * (clean - without) > 0


def test_a_killed_fit_of_aue_ends_with_the_same_noise(ctx: RunContext) -> None:
    text = "aue(epochs=3, batch=9, steps=1)"
    whole, cut = MemoryContext(), build(text)
    torch.manual_seed(0)
    method = build(text)
    method.fit(faces(), whole)
    torch.manual_seed(5)
    cut.fit(faces(), MemoryContext(resume_from=whole.saved[:1]))
    assert torch.equal(cut.state()["noise"], method.state()["noise"])


@pytest.mark.parametrize("preset", ["official", "official_cifar100", "paper", "desk", "desk64", "smoke"])
def test_the_steps_of_aap_add_up_to_two_and_a_half_radii_under_every_preset(preset: str) -> None:
    config = build(f"aap(preset={preset})").config
    assert config.steps * config.step == pytest.approx(2.5 * config.eps)


def test_aap_is_tap_where_its_views_have_no_strength() -> None:
    same = "epochs=1, batch=9, steps=2, step=2/255, restarts=1, augment=false, start=zero, schedule=cosine, lr=1e-3"
    same += ", weight_decay=0.0, flip=false, crop=0"
    noise = []
    for text in (f"tap({same})", f"aap({same}, ref_strength=0.0, gen_strength=0.0)"):
        method = build(text)
        torch.manual_seed(0)
        method.fit(faces(), MemoryContext())
        noise.append(method.state()["noise"])
    assert noise[0].any()
    assert torch.equal(*noise)
