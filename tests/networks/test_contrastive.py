"""What momentum learners keep from step to step, and which side of a pair of views has a gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from uebench.networks import Byol, MoCo, SimSiam


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def encoder() -> nn.Module:
    """Return a network that is cheap enough to look into."""
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU())


def views(number: int, count: int = 4) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(number)
    return torch.rand(count, 3, 4, 4, generator=rng), torch.rand(count, 3, 4, 4, generator=rng)


def weights(*parts: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for part in parts for weight in part.parameters()]


def train(learner: nn.Module, number: int) -> None:
    optimizer = torch.optim.SGD(learner.parameters(), 0.5)
    learner(*views(number)).backward()
    optimizer.step()


def test_what_comes_first_into_mocos_queue_leaves_it_first() -> None:
    learner = MoCo(encoder(), 8, queue=10)
    queue, seen = learner.queue.clone(), []
    for number in range(4):
        learner(*views(number))
        with torch.no_grad():
            seen.append(functional.normalize(learner.target(views(number)[1]), dim=1))
        assert torch.equal(learner.queue, torch.cat([queue, *seen])[-10:])
    assert not torch.equal(learner.queue[:4], queue[:4])


def test_a_batch_may_be_larger_than_mocos_queue() -> None:
    learner = MoCo(encoder(), 8, queue=3)
    learner(*views(0))
    with torch.no_grad():
        assert torch.equal(learner.queue, functional.normalize(learner.target(views(0)[1]), dim=1)[1:])


def test_mocos_loss_is_that_of_finding_the_key_among_those_of_the_queue() -> None:
    learner = MoCo(encoder(), 8, queue=5, temperature=0.2)
    first, second = views(0)
    queue = learner.queue.clone()
    with torch.no_grad():
        queries = functional.normalize(learner.projector(learner.encoder(first)), dim=1)
        keys = functional.normalize(learner.target(second), dim=1)
    terms = []
    for query, key in zip(queries, keys, strict=True):
        right, wrong = math.exp(float(query @ key) / 0.2), [math.exp(float(query @ old) / 0.2) for old in queue]
        terms.append(-math.log(right / (right + sum(wrong))))
    assert learner(first, second).item() == pytest.approx(sum(terms) / 4, rel=1e-5)


def test_mocos_key_encoder_is_an_exponential_mean_of_the_encoder() -> None:
    learner = MoCo(encoder(), 8, queue=6, momentum=0.9)
    expected = weights(learner.target)
    for number in range(3):
        now = weights(learner.encoder, learner.projector)
        expected = [0.9 * old + 0.1 * new for old, new in zip(expected, now, strict=True)]
        train(learner, number)
        pairs = zip(expected, learner.target.parameters(), strict=True)
        assert all(torch.allclose(wanted, found, atol=1e-6) for wanted, found in pairs)
    assert not torch.equal(expected[0], weights(learner.encoder)[0])


def test_byols_target_is_an_exponential_mean_that_a_cosine_brings_to_a_stop() -> None:
    learner = Byol(encoder(), 8, steps=4, momentum=0.8)
    expected = weights(learner.target)
    for number in range(6):
        momentum = 1 - 0.2 * (1 + math.cos(math.pi * min(1, number / 4))) / 2
        now = weights(learner.encoder, learner.projector)
        expected = [momentum * old + (1 - momentum) * new for old, new in zip(expected, now, strict=True)]
        before = weights(learner.target)
        train(learner, number)
        pairs = zip(expected, learner.target.parameters(), strict=True)
        assert all(torch.allclose(wanted, found, atol=1e-6) for wanted, found in pairs)
        assert number < 4 or all(map(torch.equal, before, weights(learner.target)))


def test_byols_loss_is_the_distance_of_normalised_predictions_and_targets_in_both_directions() -> None:
    learner = Byol(encoder(), 8, steps=1)
    first, second = views(0)
    found = learner(first, second).item()
    with torch.no_grad():
        distances = [
            functional.normalize(learner.predictor(learner.projector(learner.encoder(one))), dim=1)
            - functional.normalize(learner.target(other), dim=1)
            for one, other in ((first, second), (second, first))
        ]
    assert found == pytest.approx(sum(float(rest.square().sum(1).mean()) for rest in distances), rel=1e-4)


def test_noise_reaches_mocos_keys_whose_encoder_stands_still_meanwhile() -> None:
    learner = MoCo(encoder(), 8, queue=6, momentum=0.9)
    train(learner, 0)
    first, second = (view.requires_grad_() for view in views(1))
    learner(first, second).backward()
    assert first.grad is not None
    assert second.grad is None
    target, queue = weights(learner.target), learner.queue.clone()
    learner(first, second, key_gradient=True).backward()
    assert second.grad is not None
    assert second.grad.any()
    assert all(map(torch.equal, target, weights(learner.target)))
    assert torch.equal(learner.queue[:2], queue[4:])  # the authors' queue takes these keys too
    assert not learner.queue.requires_grad


@pytest.mark.parametrize("learner", [MoCo(encoder(), 8, queue=4), Byol(encoder(), 8, steps=9)])
def test_no_gradient_reaches_a_target(learner: MoCo | Byol) -> None:
    learner(*views(0)).backward()
    assert not any(weight.requires_grad or weight.grad is not None for weight in learner.target.parameters())
    assert all(weight.grad is not None for weight in learner.encoder.parameters())


def test_simsiams_gradient_is_that_of_constant_keys() -> None:
    learner = SimSiam(encoder(), 8)
    one, other = views(0)
    learner(one, other).backward()
    found = [weight.grad for weight in learner.encoder.parameters()]
    learner.zero_grad()
    with torch.no_grad():
        keys = [learner.projector(learner.encoder(view)) for view in (other, one)]
    for view, key in zip((one, other), keys, strict=True):
        predicted = learner.predictor(learner.projector(learner.encoder(view)))
        (-functional.cosine_similarity(predicted, key).mean() / 2).backward()  # type: ignore[no-untyped-call]
    for mine, weight in zip(found, learner.encoder.parameters(), strict=True):
        assert mine is not None
        assert weight.grad is not None
        assert torch.allclose(mine, weight.grad, atol=1e-6)
        assert mine.any()
