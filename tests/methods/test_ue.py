"""UE: noise that leaves a surrogate nothing to learn."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from tests.methods.surrogates import SHORT, SHORT_ROUNDS, grey
from tests.methods.test_methods import build, faces, fitted, raw
from uebench.evaluation.context import RunContext
from uebench.networks import classifier
from uebench.testing import MemoryContext
from uebench.training.checkpoints import unpack
from uebench.training.optimizers import make_optimizer

pytestmark = pytest.mark.usefixtures("small_networks")


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
