from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.methods.test_methods import build, faces, raw
from uebench.evaluation.context import RunContext
from uebench.networks import FaceClassifier, classifier, frozen
from uebench.ops import Noise
from uebench.plugins.base import ImageSet
from uebench.testing import MemoryContext
from uebench.training.checkpoints import unpack
from uebench.training.loop import supervised
from uebench.training.optimizers import make_optimizer

pytestmark = pytest.mark.usefixtures("small_networks")

SHORT = "epochs=2, batch=6, steps=4, step=4/255, crop=0, flip=false"


def fit(text: str, train: ImageSet) -> tuple[Any, FaceClassifier]:
    """Fit a method, and return it with its surrogate."""
    method, ctx = build(text), MemoryContext()
    torch.manual_seed(0)
    method.fit(train, ctx)
    surrogate = classifier("resnet18", train.num_classes, train.size, stem=method.config.stem)
    last = [one for one in ctx.saved if one.stage.endswith("surrogate")][-1]
    unpack(last.state, surrogate, make_optimizer(surrogate, method.config))
    return method, surrogate.eval()


def losses(model: FaceClassifier, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(model(images), labels).item()


@pytest.mark.parametrize(
    ("text", "shift", "sign"),
    [
        (f"tap({SHORT}, restarts=1, precision=float32)", 1, -1),
        (f"tap({SHORT}, restarts=1, precision=float32, variant=untargeted)", 0, 1),
        (f"hypocritical({SHORT}, precision=float32)", 0, -1),
    ],
    ids=["the next identity's falls", "the true identity's rises", "the true identity's falls"],
)
def test_the_loss_that_the_noise_is_made_for(text: str, shift: int, sign: int, ctx: RunContext) -> None:
    train = faces()
    method, surrogate = fit(text, train)
    batch = train.batch(torch.arange(len(train)))
    labels = (batch.labels + shift) % 3
    clean, protected = (losses(surrogate, images, labels) for images in (batch.images, method.perturb(batch, ctx)))
    assert sign * (protected - clean) > 0.02
    assert raw(method, train, ctx).abs().max() <= 8 / 255 + 1e-6


def test_targets_are_the_next_identity_and_the_last_ones_is_the_first() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]] * 3)
    total = math.log(math.exp(2) + 1 + math.exp(-1))
    labels = torch.tensor([0, 1, 2])
    assert build("tap").objective(logits, labels).tolist() == pytest.approx([total, total + 1, total - 2])
    expected = [total - 2, total, total + 1]
    assert build("hypocritical").objective(logits, labels).tolist() == pytest.approx(expected)
    untargeted = build("tap(variant=untargeted)").objective(logits, labels).tolist()
    assert untargeted == pytest.approx([-one for one in expected])


def test_the_surrogate_is_a_network_that_learned_the_clean_images() -> None:
    train = faces()
    method, surrogate = fit("tap(epochs=1, batch=6, steps=1, restarts=1, precision=float32)", train)
    torch.manual_seed(0)
    plain = classifier("resnet18", 3, 32, stem=method.config.stem)
    supervised(plain, train, method.config, (), MemoryContext())
    for name, tensor in plain.state_dict().items():
        assert torch.equal(surrogate.state_dict()[name], tensor)


def tap_batch(text: str) -> tuple[Any, Any, Any, Noise]:
    train = faces()
    torch.manual_seed(0)
    noise = Noise.zeros(len(train), 32, 8 / 255, torch.device("cpu"))
    return build(text), frozen(classifier("resnet18", 3, 32)), train.batch(torch.arange(len(train))), noise


def test_every_image_keeps_the_best_of_its_restarts(ctx: RunContext) -> None:
    found = {}
    for restarts in (1, 3):
        text = f"tap(steps=2, step=2/255, restarts={restarts}, augment=false)"
        method, model, batch, noise = tap_batch(text)
        delta, mean = method.improve(model, batch, noise, ctx.rng("a"))
        with torch.no_grad():
            found[restarts] = method.objective(model(batch.images + delta), batch.labels)
        assert float(found[restarts].mean()) == pytest.approx(mean, rel=1e-5)
    assert (found[3] <= found[1] + 1e-6).all()
    assert (found[3] < found[1]).any()


@pytest.mark.parametrize(("augment", "times"), [("true", 8), ("false", 0)])
def test_images_are_augmented_anew_in_each_step(
    augment: str, times: int, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int]] = []

    def transform(images: Tensor, rng: torch.Generator, *, flip: bool, crop: int) -> Tensor:
        seen.append((flip, crop))
        return images

    monkeypatch.setattr("uebench.training.fixed_surrogate.flip_crop", transform)
    method, model, batch, noise = tap_batch(f"tap(steps=4, restarts=2, flip=true, crop=5, augment={augment})")
    method.improve(model, batch, noise, ctx.rng("a"))
    assert seen == [(True, 5)] * times


def test_the_record_says_how_far_each_batch_got() -> None:
    ctx = MemoryContext()
    build("hypocritical(epochs=1, batch=6, steps=1)").fit(faces(), ctx)
    assert [sorted(one) for one in ctx.rounds] == [["objective", "stopped"]] * 3
