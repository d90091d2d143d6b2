from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from uebench_methods.bait import class_means

from tests.methods.test_methods import build, faces
from uebench.evaluation.context import RunContext
from uebench.networks import BaitGenerator, classifier
from uebench.ops import seed_torch
from uebench.plugins.base import Shape
from uebench.pretrained import weights
from uebench.testing import MemoryContext

SHORT = "batch=6, rounds=3, maxiter=1, crop=0, precision=float32"
DATA = "synthetic(identities=3, train=2, test=1)"


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the networks the images as they are."""
    monkeypatch.setattr("uebench_methods.bait.flip_crop", lambda images, *_, **__: images)


def cross_entropy(logits: Tensor, labels: list[int]) -> float:
    return float(-torch.stack([row.log_softmax(0)[label] for row, label in zip(logits, labels, strict=True)]).mean())


def test_the_targets_are_the_likeliest_wrong_identity_then_a_random_wrong_one_then_the_least_likely() -> None:
    method, rng = build("bait"), torch.Generator().manual_seed(0)
    logits = torch.tensor([[5.0, 4.0, 3.0, 0.0], [1.0, 9.0, 2.0, 3.0], [0.0, 1.0, 2.0, 7.0]])
    labels = torch.tensor([0, 0, 3])
    assert method.targets(logits, labels, 0, rng).tolist() == [1, 1, 2]
    assert method.targets(logits, labels, 2, rng).tolist() == [3, 0, 0]
    many = torch.tensor([0, 3]).repeat(300)
    drawn = method.targets(torch.zeros(600, 4), many, 1, rng)
    counts = torch.zeros(4, 4, dtype=torch.int64).index_put((many, drawn), torch.tensor(1), accumulate=True)
    assert counts.diag().tolist() == [0] * 4
    assert all(70 < count < 130 for label in (0, 3) for other, count in enumerate(counts[label]) if other != label)


def test_the_noise_of_an_identity_is_the_mean_of_its_images_and_gradients_pass_through_it() -> None:
    rows = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    means = class_means(rows, torch.tensor([2, 0, 2, 2]), 4)
    assert torch.allclose(means[0], rows[1])
    assert torch.allclose(means[2], (rows[0] + rows[2] + rows[3]) / 3)
    assert not means[1].any() and not means[3].any()
    (gradient,) = torch.autograd.grad(means[2].sum(), rows)
    assert torch.allclose(gradient[[0, 2, 3]], torch.full((3, 3, 2, 2), 1 / 3))
    assert not gradient[1].any()


def test_the_first_outer_loss_is_that_of_a_surrogate_one_step_ahead(unchanged: None) -> None:
    train, ctx = faces(16, DATA), MemoryContext()
    method = build(f"bait({SHORT}, lr=0.05, weight_decay=0.01)")
    torch.manual_seed(0)
    method.fit(train, ctx)

    torch.manual_seed(0)
    surrogate = classifier("resnet18", 3, 16)
    seed_torch(MemoryContext().rng("generator"))
    generator = BaitGenerator()
    images, labels = train.images.float() / 255, train.labels
    loss = torch.nn.functional.cross_entropy(surrogate.train()(images), labels)
    weights = list(surrogate.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.sub_(0.05 * (gradient + 0.01 * weight))
        wrong = [
            max((float(row[other]), other) for other in range(3) if other != label)[1]
            for row, label in zip(surrogate(images), labels.tolist(), strict=True)
        ]
        made = generator.train()(images)
        noise = [torch.stack([made[row] for row in range(6) if labels[row] == label]).mean(0) for label in range(3)]
        protected = torch.stack([image + 8 / 255 * noise[other] for image, other in zip(images, wrong, strict=True)])
        expected = cross_entropy(surrogate(protected.clamp(0, 1)), wrong)
    assert ctx.rounds[0]["objective"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.usefixtures("small_networks")
def test_the_step_ahead_is_forgotten_and_the_surrogate_takes_one_step_in_each_round(unchanged: None) -> None:
    ctx = MemoryContext()
    build(f"bait({SHORT.replace('maxiter=1', 'maxiter=2')}, optimizer=adam, lr=1e-3)").fit(faces(16, DATA), ctx)
    steps = [[int(one.state[f"{network}.optimizer.0.step"]) for network in ("f", "g")] for one in ctx.saved]
    assert steps == [[1, 2], [2, 4], [3, 6]]


@pytest.mark.usefixtures("small_networks")
def test_an_identity_bears_the_mean_of_what_the_trained_generator_makes_of_its_clean_images(ctx: RunContext) -> None:
    train, kept, method = faces(16, DATA), MemoryContext(), build(f"bait({SHORT})")
    torch.manual_seed(0)
    method.fit(train, kept)
    generator = BaitGenerator()
    generator.load_state_dict(
        {name[8:]: tensor for name, tensor in kept.saved[-1].state.items() if name.startswith("g.model.")}
    )
    with torch.no_grad():
        made = generator.eval()(train.images.float() / 255)
    batch = train.batch(torch.arange(6))
    for label in range(3):
        mean = 8 / 255 * made[train.labels == label].mean(0)
        expected = (batch.images[train.labels == label] + mean).clamp(0, 1)
        found = method.perturb(batch, ctx)[train.labels == label]
        assert torch.allclose(found, expected, atol=8 / 255 / 127)


def test_the_surrogate_starts_from_the_checkpoint_but_for_its_head(tmp_path: Path, ctx: RunContext) -> None:
    file = tmp_path / "net.safetensors"
    state = timm.create_model("test_resnet", num_classes=7).state_dict()
    save_file(state, file)
    method: Any = build(f"bait(surrogate='{file}', model=test_resnet)")
    assert method.assets(32) == (file,)
    found = method.surrogate(faces(), ctx).network.state_dict()
    assert found["fc.weight"].shape[0] == 3
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items() if not name.startswith("fc."))


def test_what_bait_cannot_do_is_said_before_work_starts() -> None:
    assert "multiple of 8" in (build("bait").obstacle(Shape(100, (5,) * 10)) or "")
    assert build("bait").obstacle(Shape(96, (5,) * 10)) is None
    assert (build("bait").obstacle(Shape(96, (5,))) or "").startswith("one identity;")


def test_finished_noise_is_for_one_identity_too(tmp_path: Path) -> None:
    file = tmp_path / "noise.safetensors"
    weights.save(file, {}, {"method": "bait", "size": 96, "config": {}, "counts": [5, 5]})
    assert build(f"bait(weights='{file}')").obstacle(Shape(100, (5,))) is None


def test_the_generator_has_the_authors_size() -> None:
    generator = BaitGenerator()
    assert sum(weight.numel() for weight in generator.parameters()) == 40_909_648
    made = generator(torch.rand(1, 3, 24, 24))
    assert made.shape == (1, 3, 24, 24)
    assert made.abs().max() < 1
