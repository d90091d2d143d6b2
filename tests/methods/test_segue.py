from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.methods.test_methods import FRESH, build, faces, fitted
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.networks import SegueGenerator, binary_code, classifier
from uebench.plugins.base import Shape
from uebench.training.optimizers import descend


def test_the_binary_code_of_five() -> None:
    code = "".join(str(int(bit)) for bit in binary_code(torch.tensor([5]), 16)[0])
    assert code == "0000000000000101"
    assert len({tuple(row.tolist()) for row in binary_code(torch.arange(256), 8)}) == 256


def test_the_generator_has_the_authors_size_and_shape() -> None:
    generator = SegueGenerator()
    assert sum(p.numel() for p in generator.parameters()) == 100_752
    for size in (32, 64, 112, 224):
        out = generator(torch.rand(2, 3, size, size), torch.tensor([0, 9]))
        assert out.shape == (2, 3, size, size)
        assert out.abs().max() < 1


def test_the_losses_are_the_papers_term_by_term() -> None:
    method = build("segue(alpha=2.0, beta=0.5)")
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
    labels = torch.tensor([0, 1])
    noise = torch.stack([torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), -0.2)])
    cross_entropy = np.mean([math.log(1 + math.exp(-3)), math.log(1 + math.exp(0.5))])  # Eq. 5
    magnitude = np.mean([0.1 * math.sqrt(48), 0.2 * math.sqrt(48)])  # Eq. 6
    expected = 2.0 * cross_entropy + 0.5 * magnitude  # Eq. 4
    assert float(method.objective(logits, labels, noise)) == pytest.approx(expected, rel=1e-6)


def test_the_generators_loss_reaches_it_through_the_unclipped_norm_only_outside_the_ball() -> None:
    method = build("segue")
    raw_noise = torch.tensor([0.5, 0.01]).view(2, 1, 1, 1).expand(2, 3, 2, 2).clone().requires_grad_()
    protected = method.protect(torch.full((2, 3, 2, 2), 0.5), raw_noise)
    (through_clip,) = torch.autograd.grad(protected.sum(), raw_noise, retain_graph=True)
    assert not through_clip[0].any()
    assert through_clip[1].all()
    (through_norm,) = torch.autograd.grad(raw_noise.flatten(1).norm(dim=1).mean(), raw_noise)
    assert through_norm[0].all()


def test_the_distortion_layer_blurs_sharpens_and_flips(ctx: RunContext) -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    still = build("segue(blur=0.0, sharpness=1.0, flip=0.0)").distort(images, ctx.rng("x"))
    assert torch.equal(still, images)
    flipped = build("segue(blur=0.0, sharpness=1.0, flip=1.0)").distort(images, ctx.rng("x"))
    assert torch.equal(flipped, images.flip(-1).flip(-2))
    blurred = build("segue(blur=0.8, sharpness=1.0, flip=0.0)").distort(images, ctx.rng("x"))
    sharp = build("segue(blur=0.0, sharpness=2.0, flip=0.0)").distort(images, ctx.rng("x"))
    roughness = [(x[..., 1:] - x[..., :-1]).abs().mean() for x in (blurred, images, sharp)]
    assert roughness == sorted(roughness)


@pytest.mark.usefixtures("small_networks")
def test_the_defenders_adversary_raises_the_surrogates_loss_within_its_radius(ctx: RunContext) -> None:
    train, method = faces(), build("segue(rho_d=4/255)")
    torch.manual_seed(0)
    surrogate = classifier("resnet18", 3, 32).eval()
    batch = train.batch(torch.arange(6))
    delta = method.adversary(surrogate, batch)
    assert float(delta.abs().max()) <= 4 / 255 + 1e-6

    def loss(images: Tensor) -> float:
        return torch.nn.functional.cross_entropy(surrogate(images), batch.labels).item()

    assert loss(batch.images + delta) > loss(batch.images)
    assert build("segue(rho_d=0.0)").adversary(surrogate, batch) == 0.0


@pytest.mark.usefixtures("small_networks")
def test_algorithm_1_trains_the_surrogate_in_epochs_1_and_6_and_the_generator_in_each() -> None:
    epochs = fitted(f"segue({FRESH}, epochs=6, surrogate_every=5)")
    steps = [[int(state[f"{network}.optimizer.0.step"]) for state in epochs] for network in ("f", "g")]
    assert steps == [[3, 3, 3, 3, 3, 6], [3, 6, 9, 12, 15, 18]]


def changed(before: dict[str, Tensor], after: dict[str, Tensor], network: str, *kinds: str) -> bool:
    """Say whether tensors of a network (``f``: surrogate, ``g``: generator) differ, those whose names end so."""
    own = [name for name in before if name.startswith(f"{network}.model") and name.endswith(kinds)]
    return any(not torch.allclose(before[name], after[name], rtol=0, atol=1e-20) for name in own)


@pytest.mark.usefixtures("small_networks")
def test_the_surrogate_learns_only_in_its_own_turn_and_the_generator_only_in_its() -> None:
    first, second = fitted(f"segue({FRESH}, epochs=2, surrogate_every=2)")  # the second epoch is the generator's alone
    assert changed(first, second, "g", "weight")
    assert not changed(first, second, "f", "weight", "bias", "running_mean", "running_var")
    first, second = fitted(f"segue({FRESH}, epochs=2, surrogate_every=1, lr_g=1e-30)")  # its own steps move nothing
    assert changed(first, second, "f", "weight")
    assert not changed(first, second, "g", "weight", "bias")


@pytest.mark.usefixtures("small_networks")
def test_the_variant_begins_each_turn_of_the_surrogate_anew() -> None:
    options = f"{FRESH}, lr_f=1e-3, lr_g=1e-3, epochs=3, surrogate_every=2"
    epochs = {name: fitted(f"{name}({options})") for name in ("segue", "segue_restart")}
    steps = {name: [int(state["f.optimizer.0.step"]) for state in saved] for name, saved in epochs.items()}
    assert steps == {"segue": [3, 3, 6], "segue_restart": [3, 3, 3]}
    for name in ("f.model.network.fc.weight", "g.model.decoder.6.weight"):
        same = [torch.equal(*(saved[epoch][name] for saved in epochs.values())) for epoch in range(3)]
        assert same == [True, True, False]


@pytest.mark.usefixtures("small_networks")
def test_the_stop_rule_is_the_surrogates_loss() -> None:
    assert len(fitted(f"segue({FRESH}, epochs=4, stop_loss=100.0)")) == 1


@pytest.mark.usefixtures("small_networks")
def test_the_stop_rule_may_look_at_the_last_batch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 5.0, 0.1] * 9)

    def say(*args: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        return torch.tensor(next(losses)), descend(*args)[1]

    monkeypatch.setattr("uebench_methods.segue.descend", say)
    rule = f"{FRESH}, epochs=2, surrogate_every=1, stop_loss=1.0"
    assert len(fitted(f"segue({rule}, stop_on=mean)")) == 2
    assert len(fitted(f"segue({rule}, stop_on=last)")) == 1


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("schedule_g", ["same", "constant"])
def test_rates_swing_with_every_step_of_their_network_and_the_generators_may_be_constant(
    schedule_g: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: dict[float, list[float]] = {0.1: [], 0.2: []}

    def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
        rates[optimizer.defaults["lr"]].append(lr)

    monkeypatch.setattr("uebench_methods.segue.set_rate", set_rate)
    options = FRESH.replace("constant", "oscillating")
    options += f", schedule_g={schedule_g}"
    fitted(f"segue({options}, epochs=4, surrogate_every=3, lr_f=0.1, lr_g=0.2, stop_loss=0.0)")
    expected = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(12)]  # 3 batches in each of 4 epochs
    assert rates[0.2] == pytest.approx([0.2 * share for share in expected] if schedule_g == "same" else [])
    assert rates[0.1] == pytest.approx([0.1 * share for share in expected[:6]])  # it trains in epochs 1 and 4
    assert expected[4] == 0
    assert expected[8] == 1


def test_the_generators_rate_is_the_authors_at_official_and_as_in_the_records_elsewhere() -> None:
    schedules = {
        preset: (config.schedule, config.schedule_g)
        for preset in ("official", "paper", "desk")
        for config in [build("segue", preset).config]
    }
    recorded = ("oscillating", "same")
    assert schedules == {"official": ("oscillating", "constant"), "paper": recorded, "desk": recorded}


@pytest.mark.parametrize(("size", "kernel"), [(112, (3, 3)), (116, (7, 7))])
def test_the_stem_may_follow_from_the_size_as_the_authors_have_it(size: int, kernel: tuple[int, int]) -> None:
    model: Any = classifier("resnet18", 3, size, stem="by_size")
    assert model.network.conv1.kernel_size == kernel
    assert isinstance(model.network.maxpool, torch.nn.Identity) == (kernel == (3, 3))
    assert model.details["stem"] == ("small" if kernel == (3, 3) else "imagenet")
    assert classifier("test_efficientnet", 3, size, stem="by_size").details["stem"] == "imagenet"  # no ResNet


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize(("maxiter", "batches"), [(7, 7), (0, 18 // 4)])
def test_maxiter_sets_the_batches_of_an_epoch(maxiter: int, batches: int) -> None:
    (epoch,) = fitted(f"segue(weights=none, epochs=1, batch=4, rho_d=0.0, maxiter={maxiter})")
    assert [int(epoch[f"{network}.optimizer.0.step"]) for network in ("f", "g")] == [batches, batches]


@pytest.mark.usefixtures("small_networks")
def test_segue_stays_in_its_budget_and_fits_other_numbers_of_identities(ctx: RunContext) -> None:
    method = build("segue(weights=none, epochs=1, batch=6, rho_d=0.0, maxiter=0, eps=4/255)")
    method.fit(faces(), ctx)
    others = faces(data="synthetic(identities=7, train=2, seed=5)")
    delta = referee.protect(method, others, method.budget(32), ctx)
    assert 0 < np.abs(delta).max() <= 4


def test_only_a_generator_with_a_code_limits_the_number_of_identities() -> None:
    many = Shape(32, (2,) * 3)
    assert build("segue(code_bits=1)").obstacle(many) == "3 identities; a code of 1 bits names 2"
    assert build("segue_unguided").obstacle(many) is None


def test_what_segue_cannot_do_is_said_before_work_starts() -> None:
    assert "multiple of 4" in (build("segue").obstacle(Shape(66, (5,) * 10)) or "")
    assert "a code of 3 bits names 8" in (build("segue(code_bits=3)").obstacle(Shape(64, (5,) * 9)) or "")
    assert build("segue").obstacle(Shape(64, (5,) * 40)) is None
