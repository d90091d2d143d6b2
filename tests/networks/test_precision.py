"""What a network computes in, and that the option reaches every network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from tests.methods.test_methods import build, faces
from uebench import networks
from uebench.evaluation.context import RunContext
from uebench.networks.classifier import FaceClassifier
from uebench.plugins.base import Attacker
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


def made(precision: str) -> FaceClassifier:
    torch.manual_seed(0)
    return networks.classifier("resnet18", 3, 32, stem="small", precision=precision)  # type: ignore[arg-type]


def images() -> Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_bfloat16_changes_the_logits_a_little_and_they_are_float32() -> None:
    full, half = (made(precision).eval()(images()) for precision in ("float32", "bfloat16"))
    assert full.dtype == half.dtype == torch.float32
    assert not torch.equal(full, half)
    assert (full - half).abs().max() < 0.05 * full.abs().max()


def test_weights_and_gradients_stay_float32() -> None:
    model = made("bfloat16").train()
    loss = torch.nn.functional.cross_entropy(model(images()), torch.tensor([0, 1, 2, 0]))
    weights = list(model.parameters())
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        assert weight.dtype == slope.dtype == torch.float32


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_frozen_copy_computes_in_the_same(precision: str) -> None:
    model = made(precision)
    copy = networks.frozen(model)
    assert copy.precision == precision
    inside: list[torch.dtype] = []
    next(m for m in copy.modules() if isinstance(m, torch.nn.Conv2d)).register_forward_hook(
        lambda _module, _given, output: inside.append(output.dtype)
    )
    assert torch.allclose(copy(images()), model.eval()(images()), atol=0.05)
    assert inside == [getattr(torch, precision)]


class SeenError(Exception):
    """Raised by the first forward pass, so that nothing more is computed."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The precision of the first network that is asked anything."""
    found: list[str] = []

    def forward(self: FaceClassifier, images: Tensor) -> Tensor:
        found.append(self.precision)
        raise SeenError

    monkeypatch.setattr(FaceClassifier, "forward", forward)
    return found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "method",
    [
        "ue(rounds=1, batch=6, train_steps=1, steps=1",
        "rue(rounds=1, batch=6",
        "tue(variant=paper, rounds=1, batch=6, train_steps=1",
        "segue(weights=none, epochs=1, batch=6",
    ],
)
def test_the_option_reaches_a_methods_surrogate(method: str, precision: str, seen: list[str], ctx: RunContext) -> None:
    with pytest.raises(SeenError):
        build(f"{method}, precision={precision})").fit(faces(), ctx)
    assert seen == [precision]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("attacker", ["resnet18", "timm", "finetune", "simclr"])
def test_the_option_reaches_an_attackers_network(
    attacker: str, precision: str, seen: list[str], ctx: RunContext, tmp_path: Path
) -> None:
    file = tmp_path / "net.pt"
    torch.save(timm.create_model("test_resnet", num_classes=4).state_dict(), file)
    more = {
        "timm": "model=test_resnet, ",
        "finetune": f"model=test_resnet, weights='{file}', ",
        "simclr": "model=test_resnet, ",
    }.get(attacker, "")
    registry = Registry()
    built: Any = registry.build("attacker", parse(f"{attacker}({more}batch=6, precision={precision})"), "smoke")
    assert isinstance(built, Attacker)
    with pytest.raises(SeenError):
        built.fit(faces(), (), ctx)
    assert seen == [precision]
