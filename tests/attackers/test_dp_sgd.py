from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.attackers.measures import TRAIN, build, network, rng
from uebench.errors import CellError, UsageError
from uebench.networks import classifier
from uebench.planning.parts import attacker_parts
from uebench.plugins.base import Training
from uebench.plugins.registry import Registry
from uebench.testing import MemoryContext
from uebench.testing.attackers import Recorder
from uebench.training.loop import supervised
from uebench.training.optimizers import descend

IMAGES = TRAIN.images.float() / 255
TARGETS = nn.functional.one_hot(TRAIN.labels, 3).float()


def small() -> Any:  # noqa: ANN401
    """A network without batch normalisation."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 5, 2), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3)).train()


def gradients(model: nn.Module) -> list[Tensor]:
    return [weight.grad for weight in model.parameters() if weight.grad is not None]


def of_one(model: nn.Module, number: int) -> Tensor:
    """The gradient for one image, all weights in a row."""
    loss = -model(IMAGES[number : number + 1]).log_softmax(1)[0, TRAIN.labels[number]]
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))])


def test_the_gradient_is_the_mean_over_images_each_clipped_alone() -> None:
    model = small()
    single = [of_one(model, number) for number in range(6)]
    clip = float(torch.stack([one.norm() for one in single]).median())
    expected = torch.stack([one * min(1.0, clip / float(one.norm())) for one in single]).mean(0)
    loss, logits = build(f"dp_sgd(clip={clip!r}, noise=0.0, group=1)").gradient(IMAGES, TARGETS, model, rng())
    found = torch.cat([one.flatten() for one in gradients(model)])
    assert torch.allclose(found, expected, atol=1e-6)
    assert sum(float(one.norm()) > clip for one in single) in (2, 3)
    assert torch.allclose(logits, model(IMAGES), atol=1e-5)
    assert float(loss) == pytest.approx(float(nn.functional.cross_entropy(logits, TARGETS)), rel=1e-5)


def test_without_limit_and_noise_it_is_the_ordinary_gradient() -> None:
    mine, plain = network().train(), network().train()
    build("dp_sgd(clip=1e9, noise=0.0, group=6)").gradient(IMAGES, TARGETS, mine, rng())
    descend(plain, torch.optim.SGD(plain.parameters(), 0.0), IMAGES, TARGETS)
    for found, expected in zip(gradients(mine), gradients(plain), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    for one, other in zip(mine.buffers(), plain.buffers(), strict=True):
        assert torch.allclose(one, other)


def test_a_group_moves_the_weights_no_further_than_the_limit() -> None:
    model = network().train()
    build("dp_sgd(clip=0.01, noise=0.0, group=2)").gradient(IMAGES * 100, TARGETS, model, rng())
    assert 0 < float(torch.nn.utils.get_total_norm(gradients(model))) <= 0.01 + 1e-6


def test_the_noise_is_gaussian_and_shrinks_with_the_number_of_groups() -> None:
    model = network().train()
    measure = build("dp_sgd(clip=2.0, noise=0.5, group=2)")
    found = []
    for text in ("dp_sgd(clip=2.0, noise=0.0, group=2)", "dp_sgd(clip=2.0, noise=0.5, group=2)"):
        build(text).gradient(IMAGES, TARGETS, model, rng())
        found.append(torch.cat([one.flatten() for one in gradients(model)]))
    noise = found[1] - found[0]
    assert float(noise.std()) == pytest.approx(0.5 * 2.0 / 3, rel=0.01)
    assert abs(float(noise.mean())) < 1e-3
    assert float((noise.abs() > 2 * noise.std()).float().mean()) == pytest.approx(0.0455, abs=0.002)
    measure.gradient(IMAGES, TARGETS, model, rng(1))
    assert not torch.equal(found[1], torch.cat([one.flatten() for one in gradients(model)]))


def test_no_group_is_smaller_than_asked_for() -> None:
    sizes: list[int] = []
    model = small()
    model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    build("dp_sgd(group=4)").gradient(IMAGES[:5], TARGETS[:5], model, rng())
    build("dp_sgd(group=2)").gradient(IMAGES[:5], TARGETS[:5], model, rng())
    build("dp_sgd(group=4)").gradient(IMAGES[:2], TARGETS[:2], model, rng())
    assert sizes == [5, 3, 2, 2]


def test_single_images_and_batch_normalisation_are_refused() -> None:
    with pytest.raises(CellError, match="group=1 and a network with batch normalisation; use group=2 or more"):
        build("dp_sgd(preset=per_image)").gradient(IMAGES, TARGETS, network().train(), rng())
    frozen = classifier("resnet18", 3, 24)
    frozen.freeze("linear")
    build("dp_sgd(preset=per_image)").gradient(IMAGES, TARGETS, frozen.train(), rng())  # statistics stay as they are
    assert len(gradients(frozen)) == 2


def test_an_attacker_learns_with_it_and_both_hooks_of_the_step_act() -> None:
    torch.manual_seed(0)
    model, recorder = classifier("test_resnet", 3, 24), Recorder("step")
    options = Training(lr=1e-3, batch=6, epochs=12)
    trained = supervised(model, TRAIN, options, (recorder, build("dp_sgd(group=3)")), MemoryContext())
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]
    assert recorder.called >= {"step"}


def test_two_that_replace_the_gradient_are_refused() -> None:
    two = (build("dp_sgd"), build("dp_sgd"))
    with pytest.raises(CellError, match="'dp_sgd' and 'dp_sgd' both replace the gradient; leave out one"):
        supervised(classifier("test_resnet", 3, 24), TRAIN, Training(batch=6), two, MemoryContext())
    with pytest.raises(UsageError, match="more than one countermeasure replaces the gradient; leave out all but one"):
        attacker_parts(Registry(), "resnet18+dp_sgd+dp_sgd(clip=2)", "smoke")
