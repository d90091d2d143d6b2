"""What a classifier recognises under attack, against a case that can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.conftest import Command
from uebench.evaluation.context import RunContext
from uebench.evaluation.robustness import NO_GRADIENT, robustness
from uebench.plugins.base import ImageSet
from uebench.store.record_parts import Counts, Robustness

RHO = 4 / 255
WEIGHTS = torch.randn(2, 3 * 4 * 4, generator=torch.Generator().manual_seed(1))


def linear(images: Tensor) -> Tensor:
    return (images.flatten(1) - 0.5) @ WEIGHTS.T


def photographs() -> ImageSet:
    """Images that the linear classifier knows, far enough from black and white for every attack."""
    images = torch.randint(60, 196, (60, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return ImageSet(images, linear(images.float() / 255).argmax(1), 2)


def test_of_a_linear_classifier_it_counts_those_whose_margin_the_ball_cannot_take(ctx: RunContext) -> None:
    test = photographs()
    margin = (linear(test.images.float() / 255) @ torch.tensor([1.0, -1.0])).abs()
    withstand = int((margin > RHO * (WEIGHTS[0] - WEIGHTS[1]).abs().sum()).sum())
    found = robustness(linear, test, RHO, ctx)
    assert found == Robustness(rho=RHO, steps=20, counts=Counts(correct=withstand, n=60))
    assert 5 < withstand < 55
    assert robustness(linear, test, RHO, ctx) == found


def test_the_attack_stays_among_the_images_in_its_ball(ctx: RunContext) -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).repeat(24).view(1, 3, 4, 4)
    seen = []

    def watched(points: Tensor) -> Tensor:
        seen.append(points.detach().clone())
        return linear(points)

    robustness(watched, ImageSet(images, torch.tensor([0]), 2), RHO, ctx)
    points = torch.cat(seen)
    assert 0 <= points.min() <= points.max() <= 1
    assert (points - images.float() / 255).abs().max() <= RHO + 1e-6
    assert not torch.equal(seen[1], seen[0])  # a random start: [0] is the photograph itself


@pytest.mark.parametrize(
    "classifier",
    [
        lambda images: linear((images * 255).round().to(torch.uint8).float() / 255),
        lambda images: linear((images * 255).round() / 255),  # whose gradient is 0 everywhere
        lambda images: torch.from_numpy(images.numpy().mean((1, 2, 3))[:, None].repeat(2, 1)),
        lambda images: torch.ones(len(images), 2, requires_grad=True) * 1.0,
    ],
)
def test_without_a_gradient_there_is_a_reason_and_no_number(classifier: object, ctx: RunContext) -> None:
    found = robustness(classifier, photographs(), RHO, ctx)  # type: ignore[arg-type]
    assert (found.counts, found.reason) == (None, NO_GRADIENT)


def test_the_record_says_what_withstands_an_adversarially_trained_network(tiny_run: Command, uebench: Command) -> None:
    attackers = (
        "--attacker",
        "timm(model=test_resnet)+adversarial(rho=2/255, steps=1)",
        "--attacker",
        "timm(model=test_resnet)+blur",
    )
    trained, plain = (cell["record"] for cell in tiny_run("--method", "clean", *attackers, "--json").json)
    robust = trained["robust"]
    assert (robust["rho"], robust["steps"], robust["reason"]) == (2 / 255, 20, None)
    assert robust["counts"]["n"] == trained["counts"]["n"]
    assert robust["counts"]["correct"] <= trained["counts"]["n"]
    assert plain["robust"] is None
    (line,) = [one for one in uebench("show", trained["key"]).out.splitlines() if one.startswith("PGD-20 acc. %")]
    assert line.endswith("within 2/255 of the clean test images")
    assert "PGD" not in uebench("show", plain["key"]).out


def test_a_record_needs_counts_or_a_reason() -> None:
    for wrong in ({"counts": None}, {"counts": {"correct": 1, "n": 2}, "reason": "none"}):
        with pytest.raises(ValidationError, match="robustness needs counts, or the reason"):
            Robustness.model_validate({"rho": 0.1, "steps": 20, **wrong})
