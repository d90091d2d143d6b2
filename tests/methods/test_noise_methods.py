"""ue, rue and tue: noise that is optimised with the help of a surrogate."""

from __future__ import annotations

import gc
import math
import weakref
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from uebench_methods.rue import Rue
from uebench_methods.tue import separability

from tests.methods.test_methods import build, faces, fitted, raw
from uebench.errors import UsageError
from uebench.evaluation.context import RunContext
from uebench.networks import classifier, contrastive, frozen
from uebench.ops import Noise, contrastive_view
from uebench.plugins.base import Batch, ImageSet, Shape
from uebench.pretrained import weights
from uebench.progress import Progress
from uebench.store.store import Store
from uebench.testing import MemoryContext
from uebench.training.checkpoints import unpack
from uebench.training.optimizers import make_optimizer

SHORT_ROUNDS = "batch=6, train_steps=2, steps=2, stop_error=0.0"
SHORT = f"rounds=2, {SHORT_ROUNDS}"


def grey(train: ImageSet) -> ImageSet:
    """Return the set with every pixel at mid-grey, where no perturbation is cut off."""
    return ImageSet(torch.full_like(train.images, 128), train.labels, train.num_classes)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def a_surrogate(classes: int = 3) -> Any:  # noqa: ANN401
    torch.manual_seed(0)
    model = classifier("resnet18", classes, 32)
    for _ in range(3):
        model(rand(8, 3, 32, 32))
    return model


# the engine


def test_noise_keeps_what_it_is_given_to_a_fraction_of_a_grey_level() -> None:
    noise = Noise.zeros(4, 5, 8 / 255, torch.device("cpu"))
    delta = (rand(2, 3, 5, 5) * 2 - 1) * 8 / 255
    noise[torch.tensor([3, 1])] = delta
    assert (noise[torch.tensor([3, 1])] - delta).abs().max() * 255 < 8 / 127 / 2 + 1e-4
    assert not noise[torch.tensor([0, 2])].any()
    noise[torch.tensor([0])] = torch.full((1, 3, 5, 5), 1.0)
    assert torch.allclose(noise[torch.tensor([0])], torch.tensor(8 / 255))


def test_noise_starts_uniform_in_the_ball() -> None:
    noise = Noise.uniform(20, 16, 0.1, torch.device("cpu"), torch.Generator().manual_seed(0))
    drawn = noise[torch.arange(20)]
    assert drawn.abs().max() <= 0.1 + 1e-7
    assert drawn.var() == pytest.approx(0.1**2 / 3, rel=0.05)


def test_noise_of_an_owner_is_the_mean_over_its_images() -> None:
    noise = Noise.uniform(3, 4, 0.1, torch.device("cpu"), torch.Generator().manual_seed(0))
    before = noise[torch.tensor([1])]
    delta = (rand(5, 3, 4, 4) * 2 - 1) * 0.1
    owners = torch.tensor([2, 0, 2, 2, 0])
    noise.set_means(owners, delta)
    for owner in (0, 2):
        assert torch.allclose(noise[torch.tensor([owner])][0], delta[owners == owner].mean(0), atol=0.1 / 127)
    assert torch.equal(noise[torch.tensor([1])], before)


def test_a_frozen_surrogate_gives_its_weights_back_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        weight = weakref.ref(next(frozen(a_surrogate()).parameters()))
        assert weight() is None
    finally:
        gc.enable()


def test_a_frozen_surrogate_answers_the_same_without_batch_normalisation() -> None:
    model = a_surrogate()
    copy, images = frozen(model), rand(4, 3, 32, 32, seed=1)
    assert torch.allclose(copy(images), model.eval()(images), atol=1e-4)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in copy.modules())
    assert not any(parameter.requires_grad for parameter in copy.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


# ue


def test_ue_lowers_the_surrogates_loss_and_its_twin_raises_it(ctx: RunContext) -> None:
    train = faces()
    batch = train.batch(torch.arange(len(train)))
    gains = {}
    for variant in ("error_min", "error_max"):
        method, memory = build(f"ue(variant={variant}, rounds=1, batch=6, train_steps=3, steps=5)"), MemoryContext()
        torch.manual_seed(0)
        method.fit(train, memory)
        surrogate = classifier("resnet18", 3, 32).eval()
        unpack(memory.saved[-1].state, surrogate, make_optimizer(surrogate, method.config))
        with torch.no_grad():
            losses = [
                torch.nn.functional.cross_entropy(surrogate(images), batch.labels).item()
                for images in (batch.images, method.perturb(batch, ctx))
            ]
        gains[variant] = losses[1] - losses[0]
    assert gains["error_min"] < 0 < gains["error_max"]


def test_classwise_noise_is_equal_within_an_identity(ctx: RunContext) -> None:
    train, method = faces(), build(f"ue(noise=classwise, {SHORT})")
    method.fit(train, ctx)
    noise = raw(method, grey(train), ctx)
    for label in range(3):
        own = noise[train.labels == label]
        assert torch.equal(own, own[:1].expand_as(own))
    assert method.state()["noise"].shape == (3, 3, 32, 32)


def test_one_sided_noise_only_brightens(ctx: RunContext) -> None:
    train, method = faces(), build(f"ue(one_sided=true, {SHORT})")
    method.fit(train, ctx)
    assert method.state()["noise"].min() < 0 < method.state()["noise"].max()
    assert raw(method, train, ctx).min() >= 0


def test_ue_stops_when_the_surrogate_errs_seldom() -> None:
    assert len(fitted("ue(rounds=5, batch=6, train_steps=1, steps=1, stop_error=1.0)")) == 1


def test_the_warm_up_trains_the_surrogate_and_leaves_the_noise() -> None:
    rounds = fitted(f"ue(warmup=2, surrogate_every=3, rounds=4, optimizer=adam, start=zero, {SHORT_ROUNDS})")
    assert [int(state["optimizer.0.step"]) for state in rounds] == [2, 4, 6, 6, 6, 8]
    noise = [torch.zeros_like(rounds[0]["noise"]), *(state["noise"] for state in rounds)]
    assert [not torch.equal(*pair) for pair in pairwise(noise)] == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            "ue(rounds=4, warmup=1, surrogate_every=2, batch=6, train_steps=2, steps=1, stop_error=0.0",
            (0, 1, 2, 3, 4, 5),
        ),
        ("rue(rounds=3, warmup=1, surrogate_every=2, batch=6, steps=1, samples=1, rho_steps=1, decay=false", range(9)),
    ],
)
def test_the_surrogates_rate_may_swing_with_every_step(
    text: str, steps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The surrogate trains in rounds 1, 2 and 4 of at most 5; the cosine's half period is all rounds."""
    rates: list[float] = []
    monkeypatch.setattr("uebench.training.noise_method.set_rate", lambda _, lr: rates.append(lr))
    fitted(f"{text}, lr=0.5, schedule=oscillating)")
    total = 5 if text.startswith("ue") else 4
    assert rates == pytest.approx([0.25 * (1 + math.cos(math.pi * step / total)) for step in steps])


def test_the_authors_command_for_faces_has_its_own_bound_and_steps() -> None:
    config = build("ue(preset=official_face)").config
    assert (config.noise, config.eps, config.steps, config.step) == ("classwise", 16 / 255, 1, 1.6 / 255)
    assert (config.train_steps, config.stop_error, config.batch, config.stem) == (30, 0.1, 32, "by_size")


def test_a_fit_reports_each_round_and_why_it_stopped(ctx: RunContext) -> None:
    build("ue(rounds=5, warmup=1, batch=6, train_steps=1, steps=1, stop_error=1.0)").fit(faces(), ctx)
    assert [sorted(one) for one in ctx.rounds] == [["stopped", "surrogate"], ["objective", "stopped", "surrogate"]]
    assert [one["stopped"] for one in ctx.rounds] == ["", "error below 1"]
    for text, losses in (
        ("rue(rounds=2, surrogate_every=2, batch=6, steps=1, samples=1, rho_steps=1, regenerate=false)", [1, 0]),
        ("tue(rounds=2, batch=9, steps=1)", [0, 0]),
        ("tue(variant=paper, rounds=1, batch=9, train_steps=1, steps=1, stem=imagenet)", [1]),
    ):
        logged = RunContext(torch.device("cpu"), 0)
        build(text).fit(faces(), logged)
        assert [int("surrogate" in one) for one in logged.rounds] == losses


# rue


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


# tue


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


@pytest.mark.parametrize("encoder", ["simclr", "simsiam"])
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


@pytest.mark.parametrize("grey", [False, True])
def test_contrastive_views_are_images_and_have_gradients(grey: bool) -> None:
    images = rand(12, 1 if grey else 3, 16, 16).expand(-1, 3, -1, -1).clone().requires_grad_()
    view = contrastive_view(images, torch.Generator().manual_seed(0))
    assert view.shape == images.shape
    assert 0 <= view.min() <= view.max() <= 1 + 1e-5
    (gradient,) = torch.autograd.grad(view.pow(2).sum(), images)
    assert gradient.isfinite().all()
    assert gradient.flatten(1).abs().sum(1).gt(0).all()


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


# all


@pytest.mark.parametrize(
    "text",
    [
        f"ue({SHORT}, start=uniform)",
        "rue(rounds=2, batch=6, steps=1, samples=1, rho_steps=1, regenerate=false)",
        "tue(variant=paper, rounds=2, batch=9, train_steps=1, steps=1, stem=imagenet)",
    ],
)
def test_a_killed_fit_ends_with_the_same_noise(text: str, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KilledError

    train, whole, store = faces(), build(text), Store(tmp_path)

    def context(progress: Progress | None = None) -> RunContext:
        torch.manual_seed(0)
        return RunContext(torch.device("cpu"), 0, store=store, key="k", stage="fit", progress=progress)

    torch.manual_seed(0)
    whole.fit(train, RunContext(torch.device("cpu"), 0))
    with pytest.raises(KilledError):
        build(text).fit(train, context(kill))
    again = build(text)
    again.fit(train, context())
    assert torch.equal(again.state()["noise"], whole.state()["noise"])


def test_noise_carries_over_to_smaller_sets_only(ctx: RunContext, tmp_path: Path) -> None:
    train, file = faces(data="synthetic(identities=3, train=4)"), tmp_path / "n.safetensors"
    method = build(f"ue({SHORT})")
    method.fit(train, ctx)
    weights.save(
        file, method.state(), {"method": "ue", "size": 32, "counts": [4, 4, 4], "config": method.config.published()}
    )
    again = build(f"ue(weights='{file}')")
    assert again.assets(32) == (file,)
    assert "noise for 3 identities, and the set has 4" in (again.obstacle(Shape(32, (4,) * 4)) or "")
    assert "noise for 4 images of identity 1, and the set has 5" in (again.obstacle(Shape(32, (4, 5, 4))) or "")
    assert again.obstacle(Shape(32, (4, 3))) is None
    again.fit(train, ctx)
    assert torch.equal(raw(again, train, ctx), raw(method, train, ctx))
    rows = torch.tensor([5, 1, 6])  # the second identity's second, the first's second, the second's third
    fewer = ImageSet(train.images[rows], train.labels[rows], 2)
    again.fit(fewer, ctx)
    assert torch.equal(raw(again, grey(fewer), ctx), raw(method, grey(train), ctx)[[4, 0, 5]])


def test_a_setting_of_the_authors_is_named_in_the_grammar() -> None:
    official, paper = build("ue(preset=official)").config, build("ue(preset=segue_paper, rounds=3)").config
    assert (official.optimizer, official.steps, official.batch) == ("sgd", 20, 512)
    assert (paper.optimizer, paper.steps, paper.batch, paper.rounds) == ("adam", 1, 16, 3)
    with pytest.raises(UsageError, match="unknown preset 'offical'; did you mean 'official'"):
        build("ue(preset=offical)")
