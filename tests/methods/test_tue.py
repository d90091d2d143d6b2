"""TUE: noise against an attacker that needs no labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import pytest
import torch
from torch import Tensor
from uebench_methods.tue import separability

from tests.methods.surrogates import rand
from tests.methods.test_methods import build, faces, raw
from uebench.evaluation.context import RunContext
from uebench.networks import SimSiam, contrastive
from uebench.ops import Noise, contrastive_view
from uebench.plugins.base import Batch, ImageSet
from uebench.testing import MemoryContext

pytestmark = pytest.mark.usefixtures("small_networks")


def brute_force(delta: Tensor, labels: Tensor) -> float:
    """Eq. 5 as it is written, one pair at a time."""
    rows = {
        c: [d.flatten() for d, label in zip(delta, labels, strict=True) if label == c] for c in set(labels.tolist())
    }
    centre = {c: sum(own) / len(own) for c, own in rows.items()}
    spread = {c: sum(float((d - centre[c]).norm()) for d in own) / len(own) for c, own in rows.items()}
    pairs = [
        (spread[i] + spread[j] + 1e-5) / (float((centre[i] - centre[j]).norm()) + 1e-5)
        for i, j in combinations(rows, 2)
    ]
    return sum(pairs) / len(pairs)


def test_the_separability_is_the_papers() -> None:
    delta, labels = rand(11, 3, 4, 4) - 0.5, torch.tensor([0, 4, 2, 2, 0, 4, 4, 0, 2, 2, 2])
    assert separability(delta, labels).item() == pytest.approx(brute_force(delta, labels), rel=1e-5)


def test_a_detached_spread_moves_centres_only() -> None:
    delta, labels = (rand(6, 3, 4, 4) - 0.5).requires_grad_(), torch.tensor([0, 0, 0, 1, 1, 1])
    (whole,) = torch.autograd.grad(separability(delta, labels), delta)
    (detached,) = torch.autograd.grad(separability(delta, labels, detach_spread=True), delta)
    assert torch.allclose(detached[0], detached[1])
    assert not torch.allclose(whole[0], whole[1])


def test_one_identity_alone_has_no_separability() -> None:
    delta = torch.zeros(3, 3, 4, 4, requires_grad=True)
    value = separability(delta, torch.zeros(3, dtype=torch.int64))
    assert value.item() == 0
    assert not torch.autograd.grad(value, delta)[0].any()


@pytest.mark.parametrize("encoder", ["simclr", "simsiam", "moco"])
def test_the_joint_objective_uses_the_encoder_and_the_demo_does_not(encoder: str, ctx: RunContext) -> None:
    options = f"encoder={encoder}, rounds=1, batch=9, train_steps=1, steps=1, stem=imagenet"
    train, noise = faces(), {}
    for variant in ("demo", "paper"):
        for csd in (1.0, 0.0):
            method = build(f"tue(variant={variant}, csd_weight={csd}, {options})")
            method.fit(train, ctx)
            noise[variant, csd] = method.state()["noise"]
    assert not torch.equal(noise["paper", 1.0], noise["demo", 1.0])
    assert not torch.equal(noise["paper", 0.0], noise["demo", 0.0])  # without either term nothing moves
    start = Noise.uniform(len(train), 32, 8 / 255, torch.device("cpu"), ctx.rng("start"))
    assert (noise["demo", 0.0] - start.steps).abs().max() <= 127
    assert raw(method, train, ctx).isfinite().all()


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_encoder_is_in_the_mode_that_is_asked_for_while_the_noise_is_improved(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, forward = set(), SimSiam.forward

    def seen(self: SimSiam, *views: Tensor, key_gradient: bool = False) -> Tensor:
        if key_gradient:
            modes.add("train" if self.training else "eval")
            assert not any(weight.requires_grad for weight in self.parameters())
        return forward(self, *views, key_gradient=key_gradient)

    monkeypatch.setattr(SimSiam, "forward", seen)
    options = f"encoder=simsiam, variant=paper, rounds=2, train_steps=1, steps=1, noise_mode={mode}"
    build(f"tue({options}, batch=17)").fit(faces(), MemoryContext())  # the last batch has one image
    assert modes == {mode}


def test_the_segue_authors_encoder_trains_in_nine_passes_and_their_noise_improves_in_38() -> None:
    config = build("tue", "paper").config
    assert [number + 1 for number in range(config.rounds) if config.trains(number)] == [1, 2, *range(6, 40, 5)]
    assert config.rounds - config.warmup == 38
    ctx = MemoryContext()
    options = "variant=paper, rounds=4, warmup=1, encoder_every=2, train_steps=1, steps=1, batch=9"
    build(f"tue({options})").fit(faces(), ctx)
    noise, steps = ([saved.state[name] for saved in ctx.saved] for name in ("noise", "optimizer.0.step"))
    assert [int(step) for step in steps] == [1, 1, 2, 2]
    assert not torch.equal(noise[0], noise[1])
    start = Noise.uniform(18, 32, 8 / 255, torch.device("cpu"), ctx.rng("start"))
    assert torch.equal(noise[0], start.steps)


def test_an_epoch_of_the_authors_holds_a_noise_pass_for_each_train_steps_batches() -> None:
    batches = math.ceil(50_000 / 512)  # of CIFAR-10
    for preset, epochs in (("official", 40), ("official_simsiam", 50)):
        config = build(f"tue(preset={preset})").config
        assert config.rounds == epochs * math.ceil(batches / config.train_steps)
    config = build("tue(preset=official_moco)").config
    assert (config.rounds, config.train_steps, config.contrastive, config.detaches) == (200, 0, 1, True)
    assert build("tue").config.rounds == 40


def test_mocos_queue_holds_at_most_half_of_a_small_set() -> None:
    ctx = MemoryContext()
    build("tue(preset=official_moco, rounds=1, batch=9, steps=1, stem=imagenet)").fit(faces(), ctx)
    assert len(ctx.saved[0].state["model.queue"]) == 9


def test_an_encoder_without_weight_is_not_kept() -> None:
    ctx = MemoryContext()
    build("tue(rounds=1, batch=9, steps=1)").fit(faces(), ctx)
    assert set(ctx.saved[0].state) == {"noise"}


@pytest.mark.parametrize("grey", [False, True])
def test_contrastive_views_are_images_and_have_gradients(grey: bool) -> None:
    images = rand(12, 1 if grey else 3, 16, 16).expand(-1, 3, -1, -1).clone().requires_grad_()
    view = contrastive_view(images, torch.Generator().manual_seed(0))
    assert view.shape == images.shape
    assert 0 <= view.min() <= view.max() <= 1 + 1e-5
    (gradient,) = torch.autograd.grad(view.pow(2).sum(), images)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).abs().sum(1).gt(0).all()


def test_contrastive_views_of_another_size_show_the_same_crops() -> None:
    images = rand(4, 3, 64, 64)
    large = contrastive_view(images, torch.Generator().manual_seed(0), strength=0)
    small = contrastive_view(images, torch.Generator().manual_seed(0), strength=0, size=32)
    assert small.shape == (4, 3, 32, 32)
    assert torch.allclose(small.mean((2, 3)), large.mean((2, 3)), atol=0.02)


def test_the_encoder_sees_views_of_the_size_that_is_asked_for(ctx: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def view(images: Tensor, rng: torch.Generator, size: int, shared: bool) -> Tensor:
        sizes.append((size, shared))
        return contrastive_view(images, rng, size=size, shared=shared)

    monkeypatch.setattr("uebench_methods.tue.contrastive_view", view)
    options = "variant=paper, view=16, rounds=1, batch=9, train_steps=1, steps=1"
    build(f"tue({options})").fit(faces(), ctx)
    assert set(sizes) == {(16, False)}
    build(f"tue({options}, views=batch)").fit(faces(), ctx)
    assert set(sizes) == {(16, False), (16, True)}


def test_a_batch_that_shares_its_views_is_cropped_mirrored_and_coloured_alike() -> None:
    same = rand(1, 3, 24, 24).expand(8, -1, -1, -1)
    for seed in range(20):
        shared, own = (contrastive_view(same, torch.Generator().manual_seed(seed), shared=s) for s in (True, False))
        assert torch.allclose(shared, shared[:1].expand_as(shared), atol=1e-6)
        assert not torch.allclose(own, own[:1].expand_as(own), atol=1e-2)


def test_the_same_batches_come_in_every_round_and_for_encoder_and_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[int]] = []
    take = ImageSet.batches

    def seen(self: ImageSet, size: int, *, order: Tensor | None = None) -> Iterator[Batch]:
        for batch in take(self, size, order=order):
            batches.append(batch.index.tolist())
            yield batch

    monkeypatch.setattr(ImageSet, "batches", seen)
    options = "variant=paper, rounds=3, batch=9, train_steps=0, steps=1, stem=imagenet"
    for order, different in (("same", 2), ("new", 12)):
        batches.clear()
        build(f"tue({options}, order={order})").fit(faces(), MemoryContext())
        assert len(batches) == 12
        assert len({tuple(batch) for batch in batches}) == different


def test_the_segue_authors_code_detaches_the_spread_and_keeps_batches_and_views_together() -> None:
    config, paper = build("tue(preset=segue_code)").config, build("tue", "paper").config
    assert (config.detaches, config.order, config.views) == (True, "same", "batch")
    assert (paper.detaches, paper.order, paper.views) == (False, "new", "each")
    assert config.published().items() - paper.published().items() == {
        ("spread", "detached"), ("order", "same"), ("views", "batch")
    }  # fmt: skip
    assert [build(f"tue({text})").config.detaches for text in ("variant=demo", "variant=paper")] == [True, False]
    assert not build("tue(variant=demo, spread=free)").config.detaches


def test_simclr_agrees_with_the_formula_pair_by_pair() -> None:
    torch.manual_seed(0)
    learner = contrastive("simclr", 32).eval()
    first, second = rand(3, 3, 32, 32, seed=1), rand(3, 3, 32, 32, seed=2)
    with torch.no_grad():
        points = torch.nn.functional.normalize(learner.projector(learner.encoder(torch.cat([first, second]))), dim=1)
        found = learner(first, second).item()
    terms = []
    for i in range(6):
        others = [math.exp(float(points[i] @ points[j]) / 0.5) for j in range(6) if j != i]
        terms.append(-math.log(math.exp(float(points[i] @ points[(i + 3) % 6]) / 0.5) / sum(others)))
    assert found == pytest.approx(sum(terms) / 6, rel=1e-4)


def test_simsiam_stops_the_gradient_of_the_key_unless_noise_asks_for_it() -> None:
    torch.manual_seed(0)
    learner = contrastive("simsiam", 32)
    learner.predictor = torch.nn.Identity()

    def gradient(*, key_gradient: bool) -> Tensor:
        images = rand(4, 3, 32, 32).requires_grad_()
        (found,) = torch.autograd.grad(learner(images, rand(4, 3, 32, 32, seed=3), key_gradient=key_gradient), images)
        return found

    stopped, whole = gradient(key_gradient=False), gradient(key_gradient=True)
    assert torch.allclose(whole, 2 * stopped, atol=1e-7)
