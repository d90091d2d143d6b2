from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers
from uebench_methods.deepconfuse import CHANNELS, vgg
from uebench_methods.gue import payoff

from tests.methods.test_methods import build, faces
from uebench.errors import DataError
from uebench.evaluation.context import RunContext
from uebench.networks import AutoEncoder, UNet
from uebench.plugins.base import Batch, Shape
from uebench.pretrained import weights
from uebench.testing import MemoryContext
from uebench.training.batches import draw
from uebench.training.optimizers import descend

pytestmark = pytest.mark.usefixtures("small_networks")

EPS = 8 / 255


@contextmanager
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def a_game() -> tuple[nn.Module, nn.Module, Batch]:
    """A generator of 12 weights, softmax regression as the classifier, and six images of 2x2 pixels; in float64."""
    with in_double():
        torch.manual_seed(3)
        generator = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Tanh())
        surrogate = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
        images = torch.rand(6, 3, 2, 2) * 0.8 + 0.1  # nothing is cut off at 0 or 1
    return generator, surrogate, Batch(images, torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6))


def protected(generator: nn.Module, batch: Batch) -> Tensor:
    noise: Tensor = generator(batch.images)
    return batch.images + EPS * noise


def softmax_regression(weight: Tensor, bias: Tensor, images: Tensor, labels: Tensor) -> tuple[float, Tensor, Tensor]:
    """The cross-entropy and its gradients for weight and bias, as textbooks have them."""
    flat = images.flatten(1)
    scores = (flat @ weight.T + bias).exp()
    shares = scores / scores.sum(1, keepdim=True)
    loss = -sum(math.log(row[label]) for row, label in zip(shares.tolist(), labels.tolist(), strict=True)) / len(flat)
    error = (shares - torch.eye(3, dtype=shares.dtype)[labels]) / len(flat)
    return loss, error.T @ flat, error.sum(0)


def slopes(value: Callable[[], float], parameters: Any) -> list[Tensor]:  # noqa: ANN401
    """The derivative of a value for each weight, by central differences."""
    found = []
    for parameter in parameters:
        slope = torch.zeros_like(parameter)
        for place in range(parameter.numel()):
            ends = []
            for shift in (1e-5, -2e-5):
                parameter.data.view(-1)[place] += shift
                ends.append(value())
            parameter.data.view(-1)[place] += 1e-5
            slope.view(-1)[place] = (ends[0] - ends[1]) / 2e-5
        found.append(slope)
    return found


# deepconfuse


def test_deepconfuses_generator_climbs_the_clean_loss_after_one_step_on_its_images() -> None:
    method = build("deepconfuse(lr_f=0.7)")
    generator, surrogate, batch = a_game()
    weight, bias = (parameter.detach() for parameter in surrogate.parameters())

    @torch.no_grad()
    def clean_loss() -> float:
        _, slope_w, slope_b = softmax_regression(weight, bias, protected(generator, batch), batch.labels)
        return softmax_regression(weight - 0.7 * slope_w, bias - 0.7 * slope_b, batch.images, batch.labels)[0]

    expected, loss = slopes(clean_loss, generator.parameters()), clean_loss()
    before = [parameter.detach().clone() for parameter in (*generator.parameters(), *surrogate.parameters())]
    found = method.confuse(generator, torch.optim.SGD(generator.parameters(), 1.0), surrogate, batch)
    assert float(found) == pytest.approx(-loss)
    for parameter, old, slope in zip(generator.parameters(), before, expected, strict=False):
        assert slope.abs().max() > 1e-6
        assert torch.allclose(parameter - old, slope, rtol=1e-5, atol=1e-10)
    assert all(torch.equal(*pair) for pair in zip(surrogate.parameters(), before[2:], strict=True))


DC = "trials=2, epochs=2, batch=9, lr_g=1e-2"


def test_deepconfuses_classifier_learns_the_images_of_the_generator_at_the_start_of_its_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ctx, method, train = MemoryContext(), build(f"deepconfuse({DC})"), faces()
    seen: list[tuple[nn.Module, Tensor]] = []

    def watched(model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Any:  # noqa: ANN401
        seen.append((model, images))
        return descend(model, optimizer, images, labels)

    monkeypatch.setattr("uebench_methods.deepconfuse.descend", watched)
    method.fit(train, ctx)
    (first, *_), second = [model for model, _ in seen[:4]], seen[4][0]
    assert [model is first for model, _ in seen] == [True] * 4 + [False] * 4
    assert [model is second for model, _ in seen] == [False] * 4 + [True] * 4
    leader = AutoEncoder().eval()
    leader.load_state_dict(
        {name.removeprefix("model."): value for name, value in ctx.saved[0].state.items() if name.startswith("model.")}
    )
    batches = [batch for epoch in (0, 1) for batch in draw(train, 9, ctx.rng("order", 1, epoch))]
    with torch.no_grad():
        for batch, (_, images) in zip(batches, seen[4:], strict=True):
            assert torch.equal(images, protected(leader, batch).clamp(0, 1))


def test_deepconfuses_generator_takes_a_step_for_each_step_of_a_classifier() -> None:
    ctx = MemoryContext()
    build(f"deepconfuse({DC})").fit(faces(), ctx)
    assert [int(saved.state["optimizer.0.step"]) for saved in ctx.saved] == [4, 8]


def test_the_real_generator_misleads_a_real_classifier_more_with_each_step() -> None:
    method, train = build("deepconfuse(lr_f=0.1)"), faces()
    torch.manual_seed(0)
    model, generator = vgg(CHANNELS["cnn"], 3, 32), AutoEncoder()
    batch, optimizer = train.batch(torch.arange(18)), torch.optim.Adam(generator.parameters(), 1e-2)
    losses = [float(method.confuse(generator, optimizer, model, batch)) for _ in range(12)]
    assert losses[-1] < losses[0] - 0.01


def test_the_classifier_for_cifar_10_has_the_convolutions_of_vgg_11() -> None:
    published = make_layers(cfgs["A"], batch_norm=True)
    ours: Any = vgg(CHANNELS["vgg11"], 10, 32)
    own = dict(zip(published.state_dict(), list(ours.network.state_dict().values())[:-2], strict=True))
    published.load_state_dict(own)
    images, head = torch.rand(2, 3, 32, 32), ours.network[-1]
    logits = published.eval()(images).flatten(1) @ head.weight.T + head.bias
    assert torch.allclose(ours.eval()(images), logits, atol=1e-5)


# gue


def test_the_payoff_is_the_largest_cross_entropy_for_a_wrong_identity() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0], [0.0, 3.0, 1.0, -4.0], [1.0, 1.0, 1.0, -9.0]])
    labels = torch.tensor([0, 1, 3])
    worst = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total = sum(map(math.exp, row))
        worst.append(max(-math.log(math.exp(row[k]) / total) for k in range(4) if k != label))
    assert float(payoff(logits, labels)) == pytest.approx(sum(worst) / 3, rel=1e-6)


@pytest.mark.parametrize(("eta", "holds_back"), [(4.0, True), (1.5, False)])
def test_a_step_of_the_game_is_bomes(eta: float, holds_back: bool) -> None:
    method = build(f"gue(eta={eta}, inner_steps=2, lr_inner=0.03)")
    generator, surrogate, batch = a_game()
    images, labels = protected(generator, batch).detach(), batch.labels
    theta = [parameter.detach().clone() for parameter in surrogate.parameters()]

    best = copy.deepcopy(theta)
    first, second = ([torch.zeros_like(one) for one in theta] for _ in range(2))
    for step in (1, 2):  # of Adam, written out
        _, slope_w, slope_b = softmax_regression(best[0], best[1], images, labels)
        for i, gradient in enumerate((slope_w, slope_b)):
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            best[i] = best[i] - 0.03 * first[i] / (1 - 0.9**step) / ((second[i] / (1 - 0.999**step)).sqrt() + 1e-8)

    def gap() -> float:
        with torch.no_grad():
            now = protected(generator, batch)
        loss, least = (softmax_regression(weight, bias, now, labels)[0] for weight, bias in (theta, best))
        return loss - least

    def clean() -> float:
        return float(payoff(batch.images.flatten(1) @ theta[0].T + theta[1], labels))

    down, back_f, back_g = slopes(clean, theta), slopes(gap, theta), slopes(gap, generator.parameters())
    norm = sum(float(slope.square().sum()) for slope in back_f + back_g)
    along = sum(float((f * q).sum()) for f, q in zip(down, back_f, strict=True))
    weight = max(0.0, (eta * norm - along) / (norm + 1e-8))
    assert (weight > 0.01) == holds_back
    found = method.play(generator, surrogate, batch)
    expected = [clean(), softmax_regression(theta[0], theta[1], images, labels)[0]]
    assert [float(one) for one in found] == pytest.approx(expected)
    steps = [weight * slope for slope in back_g] + [f + weight * q for f, q in zip(down, back_f, strict=True)]
    for parameter, step_down in zip((*generator.parameters(), *surrogate.parameters()), steps, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, step_down, rtol=1e-4, atol=1e-9)


def test_the_game_moves_both_networks_along_these_gradients() -> None:
    options = "width=2, batch=18, inner_steps=1"
    for rates, moved in (("lr_g=1.0, lr_f=1e-30", "g."), ("lr_g=1e-30, lr_f=0.1", "f.")):
        ctx = MemoryContext()
        build(f"gue({options}, epochs=2, {rates})").fit(faces(), ctx)
        first, second = (saved.state for saved in ctx.saved)
        for network in ("g.", "f."):
            own = [name for name in first if name.startswith(network) and name.endswith("weight")]
            changed = any(not torch.allclose(first[name], second[name], rtol=0, atol=1e-20) for name in own)
            assert changed == (network == moved)


def test_one_identity_is_no_game() -> None:
    assert build("gue").obstacle(Shape(96, (5,))) == "one identity; the game needs at least two"
    assert build("gue(weights='made.safetensors')").obstacle(Shape(96, (5,))) is None  # the game is over


# both


@pytest.mark.parametrize(
    ("network", "parameters", "sizes"), [(AutoEncoder, 346_659, (32, 96, 224)), (UNet, 7_788_681, (32, 40))]
)
def test_a_generator_has_its_authors_size_and_shape(
    network: type[nn.Module], parameters: int, sizes: tuple[int, ...]
) -> None:
    generator = network()
    assert sum(parameter.numel() for parameter in generator.parameters()) == parameters
    for size in sizes:
        out = generator(torch.rand(1, 3, size, size))
        assert out.shape == (1, 3, size, size)
        assert out.abs().max() <= 1


@pytest.mark.parametrize("name", ["deepconfuse", "gue"])
def test_what_a_generator_cannot_do_is_said_before_work_starts(name: str) -> None:
    for generator, multiple in (("unet", 8), ("autoencoder", 16)):
        method = build(f"{name}(generator={generator})")
        said = f"images of 100 pixels; generator={generator} needs a multiple of {multiple}"
        assert method.obstacle(Shape(100, (5, 5))) == said
        assert method.obstacle(Shape(96, (5, 5))) is None
    said = "images of 16 pixels; its classifier needs at least 32"
    assert build("deepconfuse").obstacle(Shape(16, (5, 5))) == said


@pytest.mark.parametrize("text", ["deepconfuse(trials=1, epochs=1, batch=9", "gue(epochs=1, width=4, batch=9"])
def test_a_generator_serves_people_that_it_was_not_trained_on(text: str, ctx: RunContext, tmp_path: Path) -> None:
    method, file = build(f"{text})"), tmp_path / "g.safetensors"
    method.fit(faces(), ctx)
    meta = {"method": method.name, "size": 32, "config": method.config.published()}
    weights.save(file, method.state(), meta)
    others = faces(data="synthetic(identities=7, train=2, seed=5)")
    batch, again = others.batch(torch.arange(14)), build(f"{text}, weights='{file}')")
    again.fit(others, ctx)
    with torch.no_grad():
        images = again.perturb(batch, ctx)
        assert torch.equal(images, method.perturb(batch, ctx))
        assert 0 < (images - batch.images).abs().max() <= EPS + 1e-6
    with pytest.raises(DataError, match="trained with eps"):
        build(f"{text}, eps=4/255, weights='{file}')").fit(others, ctx)
