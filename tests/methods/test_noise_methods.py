"""What all methods have in common that optimise noise with the help of a surrogate."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch

from tests.conftest import NewContext
from tests.methods.surrogates import SHORT, a_surrogate, grey, rand
from tests.methods.test_methods import build, faces, raw
from uebench.errors import UsageError
from uebench.evaluation.context import RunContext
from uebench.networks import frozen
from uebench.ops import Noise
from uebench.plugins.base import ImageSet, Shape
from uebench.pretrained import weights
from uebench.progress import Progress, no_progress


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


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize(
    "text",
    [
        f"ue({SHORT}, start=uniform)",
        "rue(rounds=2, batch=6, steps=1, samples=1, rho_steps=1, regenerate=false)",
        "tue(variant=paper, rounds=2, batch=9, train_steps=1, steps=1, stem=imagenet)",
    ],
)
def test_a_killed_fit_ends_with_the_same_noise(text: str, new_context: NewContext) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, total: int, what: str) -> None:
        if done == 1:
            raise KilledError

    train, whole = faces(), build(text)

    def context(progress: Progress = no_progress) -> RunContext:
        torch.manual_seed(0)
        return new_context("fit", progress=progress)

    torch.manual_seed(0)
    whole.fit(train, RunContext(torch.device("cpu"), 0))
    with pytest.raises(KilledError):
        build(text).fit(train, context(kill))
    again = build(text)
    again.fit(train, context())
    assert torch.equal(again.state()["noise"], whole.state()["noise"])


@pytest.mark.usefixtures("small_networks")
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
