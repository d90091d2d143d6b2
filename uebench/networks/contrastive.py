"""Contrastive learners: two views of the same images in, one loss out."""

from __future__ import annotations

import copy
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from uebench.networks.classifier import FaceClassifier, Inputs, Precision, Stem, classifier


class ContrastiveLearner(nn.Module):
    """Maps two views (B, 3, S, S) of the same images to a loss; what it is trained for is its ``encoder``."""

    encoder: nn.Module


class SimClr(ContrastiveLearner):
    """Chen et al., ICML 2020: the two views of an image are each other's positives, and all others are negatives."""

    def __init__(self, encoder: nn.Module, width: int, temperature: float = 0.5) -> None:
        """Put a two-layer projector to 128 dimensions behind ``encoder``, which gives ``width`` features."""
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, 128))
        self.temperature = temperature

    def forward(self, first: Tensor, second: Tensor, *, key_gradient: bool = True) -> Tensor:
        """Return the normalised temperature-scaled cross-entropy of two views (B, 3, S, S) each.

        Args:
            first: A view.
            second: The other, of the same images in the same order.
            key_gradient: Without effect: here the gradient goes through both views always. It is ``SimSiam``'s.
        """
        points = functional.normalize(self.projector(self.encoder(torch.cat([first, second]))), dim=1)
        similarity = points @ points.T / self.temperature
        similarity = similarity.masked_fill(torch.eye(len(points), dtype=torch.bool, device=points.device), -torch.inf)
        partners = torch.arange(len(points), device=points.device).roll(len(first))
        return functional.cross_entropy(similarity, partners)


class SimSiam(ContrastiveLearner):
    """Chen and He, CVPR 2021: each view predicts the other, without negatives."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        """Put a three-layer projector and a predictor behind ``encoder``, which gives ``width`` features."""
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(
            *_block(width, 2048),
            *_block(2048, 2048),
            nn.Linear(2048, 2048, bias=False),
            nn.BatchNorm1d(2048, affine=False),
        )
        self.predictor = nn.Sequential(*_block(2048, 512), nn.Linear(512, 2048))

    def forward(self, first: Tensor, second: Tensor, *, key_gradient: bool = False) -> Tensor:
        """Return the mean negative cosine of two views (B, 3, S, S) each.

        Args:
            first: A view.
            second: The other.
            key_gradient: Let the gradient through the predicted side too, as noise needs it; training does not.
        """
        ends = [self.projector(self.encoder(view)) for view in (first, second)]
        keys = ends if key_gradient else [end.detach() for end in ends]
        a = functional.cosine_similarity(self.predictor(ends[0]), keys[1]).mean()
        b = functional.cosine_similarity(self.predictor(ends[1]), keys[0]).mean()
        return -(a + b) / 2


class MoCo(ContrastiveLearner):
    """He et al., CVPR 2020: a view finds the other one among those of earlier images, which a queue holds.

    The queue's keys come from ``target``, an exponential mean of the encoder over its steps.
    """

    queue: Tensor

    def __init__(
        self, encoder: nn.Module, width: int, *, queue: int, momentum: float = 0.999, temperature: float = 0.07
    ) -> None:
        """Put a linear projector to 128 dimensions behind ``encoder``, which gives ``width`` features.

        Args:
            encoder: Images -> features.
            width: How many features.
            queue: How many keys serve as negatives; the first ones are random.
            momentum: How much of the target's weights stays in each step.
            temperature: That similarities are divided by.
        """
        super().__init__()
        self.encoder, self.projector = encoder, nn.Linear(width, 128)
        self.target = _target(encoder, self.projector)
        self.momentum, self.temperature = momentum, temperature
        self.register_buffer("queue", functional.normalize(torch.randn(queue, 128), dim=1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the cross-entropy of finding each image's key, and put the keys into the queue for the oldest ones."""
        _follow(self.target, (self.encoder, self.projector), 1 - self.momentum)
        queries = functional.normalize(self.projector(self.encoder(first)), dim=1)
        with torch.no_grad():
            keys = functional.normalize(self.target(second), dim=1)
        similarity = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ self.queue.T], 1) / self.temperature
        self.queue = torch.cat([self.queue, keys])[-len(self.queue) :]
        return functional.cross_entropy(similarity, torch.zeros(len(keys), dtype=torch.int64, device=keys.device))


class Byol(ContrastiveLearner):
    """Grill et al., NeurIPS 2020: each view predicts what ``target`` makes of the other, without negatives.

    The target is an exponential mean of the encoder over its steps, and ever slower to follow.
    """

    step: Tensor

    def __init__(self, encoder: nn.Module, width: int, *, steps: int, momentum: float = 0.996) -> None:
        """Put a projector and a predictor to 256 dimensions behind ``encoder``, which gives ``width`` features.

        Args:
            encoder: Images -> features.
            width: How many features.
            steps: How long the training will be; at its end the target stands still.
            momentum: How much of the target's weights stays in the first step.
        """
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(*_block(width, 4096), nn.Linear(4096, 256, bias=False))
        self.predictor = nn.Sequential(*_block(256, 4096), nn.Linear(4096, 256, bias=False))
        self.target = _target(encoder, self.projector)
        self.steps, self.momentum = steps, momentum
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the squared distance of predictions and targets, all normalised; both directions count."""
        falling = (1 + torch.cos(math.pi * (self.step / self.steps).clamp_max(1))) / 2
        _follow(self.target, (self.encoder, self.projector), (1 - self.momentum) * falling)
        self.step += 1
        predicted = [self.predictor(self.projector(self.encoder(view))) for view in (first, second)]
        with torch.no_grad():
            wanted = [self.target(view) for view in (second, first)]
        a, b = (functional.cosine_similarity(*pair).mean() for pair in zip(predicted, wanted, strict=True))
        return 4 - 2 * (a + b)


def backbone(
    size: int,
    *,
    model: str = "resnet18",
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> tuple[FaceClassifier, int]:
    """Make an untrained encoder, and say how many features it gives.

    Args:
        size: Height and width of the images in pixels.
        model: A name of timm's.
        stem: A ResNet's first layers, as ``classifier`` takes them.
        precision: What the encoder computes in.
        inputs: How images are normalised, as ``classifier`` takes it.
    """
    encoder = classifier(model, 0, size, stem=stem, precision=precision, inputs=inputs)
    return encoder, encoder.network.head_hidden_size  # type: ignore[return-value]


def contrastive(
    learner: Literal["simclr", "simsiam"],
    size: int,
    *,
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> SimClr | SimSiam:
    """Make an untrained learner with a ResNet-18.

    Args:
        learner: ``simclr`` or ``simsiam``.
        size: Height and width of the images in pixels.
        stem: The encoder's first layers, as ``classifier`` takes them.
        precision: What the encoder computes in.
        inputs: How images are normalised, as ``classifier`` takes it.
    """
    encoder, width = backbone(size, stem=stem, precision=precision, inputs=inputs)
    return SimClr(encoder, width) if learner == "simclr" else SimSiam(encoder, width)


def _block(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]


def _target(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(*copy.deepcopy(parts)).requires_grad_(False)


@torch.no_grad()
def _follow(target: nn.Sequential, parts: tuple[nn.Module, ...], share: float | Tensor) -> None:
    """Move the target's weights by a share of the way to those of ``parts``; its batch statistics are its own."""
    for mean, weight in zip(target.parameters(), nn.Sequential(*parts).parameters(), strict=True):
        mean.lerp_(weight, share)
