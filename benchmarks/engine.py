"""A gradient step of the noise engine against the textbook PGD loop, on the same network, images and start."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.transforms import Normalize

from benchmarks.sets import training_set
from benchmarks.timing import Comparison, compare
from uebench.networks import FaceClassifier, classifier, frozen
from uebench.ops import Noise, input_gradient, sign_steps

RADIUS, STEP = 8 / 255, 0.8 / 255


def measure(quick: bool) -> list[Comparison]:
    """Compare the engine's steps with the textbook's, whose weights have gradients, and with the UE authors'."""
    cases = [(32, 4, 1)] if quick else [(64, 32, 10), (224, 16, 4)]  # pixels, images, steps a call
    return [line for case in cases for line in _compare(*case, pairs=1 if quick else 5)]


def surrogate(size: int, images: Tensor) -> FaceClassifier:
    """Return a ResNet-18 of ten classes in eval mode whose normalisations have seen ``images`` (B, 3, size, size)."""
    torch.manual_seed(0)
    model = classifier("resnet18", 10, size)
    with torch.no_grad():
        model(images)
    return model.eval()


def default_layout(model: FaceClassifier) -> nn.Module:
    """Return a copy that answers the same in torch's default memory layout, as most code leaves it."""
    network = copy.deepcopy(model.network).to(memory_format=torch.contiguous_format)
    return nn.Sequential(Normalize([0.5] * 3, [0.5] * 3), network)


def textbook(
    model: nn.Module, images: Tensor, labels: Tensor, *, radius: float, step: float, steps: int, start: Tensor
) -> Tensor:
    """Take sign steps down the loss as PGD is usually written: one backward pass through the whole model.

    Args:
        model: In eval mode; where its weights require gradients, these are computed as well.
        images: The ball's centre, (B, 3, H, W) float in [0, 1].
        labels: (B,) int64.
        radius: The ball's radius on the [0, 1] pixel scale.
        step: The size of one step.
        steps: How many.
        start: The perturbation at the start, (B, 3, H, W) float.

    Returns:
        The perturbation (B, 3, H, W) float.
    """
    delta = start.clone()
    for _ in range(steps):
        gradient = textbook_gradient(model, images + delta, labels)
        delta = (delta - step * gradient.sign()).clamp(-radius, radius)
        delta = (images + delta).clamp(0, 1) - images
    return delta


def textbook_gradient(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return d loss / d images as ``loss.backward()`` leaves it.

    Args:
        model: Images -> logits; its weights' gradients are computed as well where they are required.
        images: (B, 3, H, W) float.
        labels: (B,) int64.
    """
    point = images.detach().requires_grad_()
    model.zero_grad()
    torch.autograd.backward(cross_entropy(model(point), labels))
    assert point.grad is not None
    return point.grad


def difference(size: int, count: int) -> float:
    """Return the largest difference between the two ways' gradients, as a share of the largest gradient."""
    images, labels = _faces(size, count)
    model = surrogate(size, images)
    judge = frozen(model)
    ours = input_gradient(lambda point: cross_entropy(judge(point), labels), images)
    theirs = textbook_gradient(model, images, labels)
    return float((ours - theirs).abs().max() / theirs.abs().max())


def _faces(size: int, count: int) -> tuple[Tensor, Tensor]:
    train = training_set(f"synthetic(identities=10, train={-(-count // 10)})", size)
    batch = train.batch(torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:count])
    return batch.images, batch.labels


def _compare(size: int, count: int, steps: int, pairs: int) -> list[Comparison]:
    images, labels = _faces(size, count)
    trained = surrogate(size, images)
    untrained = surrogate(size, images).requires_grad_(False)
    judge, rows = frozen(trained), torch.arange(count)
    noise = Noise.zeros(count, size, RADIUS, images.device)
    floats = torch.zeros(count, 3, size, size)

    def ours() -> None:
        noise[rows] = sign_steps(
            lambda point: cross_entropy(judge(point), labels),
            images,
            radius=RADIUS,
            step=STEP,
            steps=steps,
            ascend=False,
            start=noise[rows],
        )

    def theirs(model: FaceClassifier) -> None:
        floats[rows] = textbook(model, images, labels, radius=RADIUS, step=STEP, steps=steps, start=floats[rows])

    what = f"{steps} sign step(s) on {count} images of {size} px, ResNet-18"
    same = f"gradients differ by {difference(size, count):.0e} of the largest; same network and memory layout"
    return [
        compare(f"{what}, textbook PGD", ours, lambda: theirs(trained), pairs=pairs, target=1.5, remark=same),
        compare(
            f"{what}, weights without gradients",
            ours,
            lambda: theirs(untrained),
            pairs=pairs,
            remark=f"the UE authors switch the weights' gradients off; {same}",
        ),
    ]
