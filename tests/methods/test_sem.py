from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.methods.test_methods import build, faces
from uebench.errors import UebenchError
from uebench.evaluation.context import RunContext
from uebench.networks import classifier, frozen
from uebench.ops import Noise, flip_crop, sign_steps
from uebench.plugins.base import Batch
from uebench.testing import MemoryContext

pytestmark = pytest.mark.usefixtures("small_networks")

OPTIONS = "steps=3, step=2/255, samples=2, rho_d=4/255, crop=2, flip=true, restart=true"


def given() -> tuple[Any, Batch, Noise]:
    train = faces()
    torch.manual_seed(0)
    noise = Noise.zeros(len(train), 32, 8 / 255, torch.device("cpu"))
    return frozen(classifier("resnet18", 3, 32)), train.batch(torch.arange(len(train))), noise


def reference(model: Any, batch: Batch, rng: torch.Generator) -> Tensor:  # noqa: ANN401
    """RUE's sign steps (Algorithm 1) with one uniform draw in place of the adversary, written out for ``OPTIONS``."""
    shape = batch.images.shape
    delta = (torch.rand(shape, generator=rng) * 2 - 1) * 8 / 255
    for _ in range(3):
        point = (batch.images + delta).requires_grad_()
        total = torch.zeros(())
        for _ in range(2):
            seen = flip_crop(point, rng, flip=True, crop=2)
            random = (torch.rand(shape, generator=rng) * 2 - 1) * 4 / 255
            random = (seen.detach() + random).clamp(0, 1) - seen.detach()
            total = total + torch.nn.functional.cross_entropy(model(seen + random), batch.labels)
        (slope,) = torch.autograd.grad(total, point)
        delta = (delta - 2 / 255 * slope.sign()).clamp(-8 / 255, 8 / 255)
        delta = (batch.images + delta).clamp(0, 1) - batch.images
    return delta


def test_the_noise_takes_rues_steps_against_one_uniform_draw(ctx: RunContext) -> None:
    model, batch, noise = given()
    found = build(f"sem({OPTIONS})").improve(model, batch, noise, ctx.rng("a"))
    expected = reference(model, batch, ctx.rng("a"))
    assert (found - expected).abs().max() < 1e-6
    against_adversary = build(f"rue({OPTIONS}, rho_steps=2)").improve(model, batch, noise, ctx.rng("a"))
    assert (against_adversary - expected).abs().max() > 1e-3


def test_the_surrogate_still_trains_on_adversarial_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    def counting(*args: Any, **options: Any) -> Tensor:  # noqa: ANN401
        if options["ascend"]:
            steps.append(options["steps"])
        return sign_steps(*args, **options)

    monkeypatch.setattr("uebench_methods.rue.sign_steps", counting)
    text = "sem(rounds=1, batch=18, steps=1, samples=2, rho_steps=3, regenerate=false)"
    build(text).fit(faces(), MemoryContext())
    assert steps == [0, 0, 3]  # two draws for the noise, one adversary for the surrogate


def test_its_settings_are_rues() -> None:
    for preset in ("official", "desk", "desk64", "smoke"):
        assert build(f"sem(preset={preset})").config.model_dump() == build(f"rue(preset={preset})").config.model_dump()


def test_progress_names_the_method() -> None:
    said: list[str] = []
    ctx = RunContext(torch.device("cpu"), 0, progress=lambda *now: said.append(now[2]))
    build("sem(rounds=1, batch=18, steps=1, samples=1, rho_steps=0, regenerate=false)").fit(faces(), ctx)
    assert said[0].startswith("fitting sem, loss")


def test_its_random_changes_lie_around_the_protected_image_only() -> None:
    with pytest.raises(UebenchError, match=r"around=clean is refused"):
        build("sem(around=clean)")
