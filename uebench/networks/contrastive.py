"""Contrastive learners: modules that map two views of the same images to a loss."""

from __future__ import annotations

import copy
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from uebench.network_options import Inputs, Precision, Stem
from uebench.networks.classifier import FaceClassifier, classifier


class ContrastiveLearner(nn.Module):
    """Maps two views (B, 3, S, S) of the same images to a loss that trains its ``encoder`` and ``projector``."""

    encoder: nn.Module
    projector: nn.Module


class SimClr(ContrastiveLearner):
    """Chen et al., ICML 2020: the two views of an image are each other's positives, and all others are negatives."""

    temperature = 0.5

    def __init__(self, encoder: nn.Module, width: int) -> None:
        """Put a two-layer projector to 128 dimensions behind ``encoder``, which gives ``width`` features."""
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, 128))

    def forward(self, first: Tensor, second: Tensor, *, key_gradient: bool = True) -> Tensor:
        """Return the normalised temperature-scaled cross-entropy of two views (B, 3, S, S) each.

        Args:
            first: A view.
            second: The other, of the same images in the same order.
            key_gradient: Accepted so that ``tue`` may call all learners alike; SimCLR has no side without gradient.
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
            key_gradient: Let the gradient through the predicted side too; noise needs this, training does not.
        """
        ends = [self.projector(self.encoder(view)) for view in (first, second)]
        keys = ends if key_gradient else [end.detach() for end in ends]
        a = functional.cosine_similarity(self.predictor(ends[0]), keys[1]).mean()
        b = functional.cosine_similarity(self.predictor(ends[1]), keys[0]).mean()
        return -(a + b) / 2


class MoCo(ContrastiveLearner):
    """He et al., CVPR 2020: each view must find the other one among a queue of earlier images.

    The queue's keys come from ``target``, an exponential moving average of the encoder.
    """

    queue: Tensor

    def __init__(
        self, encoder: nn.Module, width: int, *, queue: int, momentum: float = 0.999, temperature: float = 0.07
    ) -> None:
        """Put a linear projector to 128 dimensions behind ``encoder``, which gives ``width`` features.

        Args:
            encoder: Images -> features.
            width: Number of features.
            queue: Number of keys that serve as negatives; the first ones are random.
            momentum: Share of the target's weights that is kept in each step.
            temperature: Divisor of the similarities.
        """
        super().__init__()
        self.encoder, self.projector = encoder, nn.Linear(width, 128)
        self.target = _target(encoder, self.projector)
        self.momentum, self.temperature = momentum, temperature
        self.register_buffer("queue", functional.normalize(torch.randn(queue, 128), dim=1))

    def forward(self, first: Tensor, second: Tensor, *, key_gradient: bool = False) -> Tensor:
        """Return the cross-entropy of finding each image's key; the keys then replace the oldest in the queue.

        Args:
            first: A view.
            second: The other.
            key_gradient: Let the gradient through the keys too, and do not move the target; noise needs this, training
                does not.
        """
        if not key_gradient:
            _follow(self.target, (self.encoder, self.projector), 1 - self.momentum)
        queries = functional.normalize(self.projector(self.encoder(first)), dim=1)
        with torch.set_grad_enabled(key_gradient):
            keys = functional.normalize(self.target(second), dim=1)
        similarity = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ self.queue.T], 1) / self.temperature
        self.queue = torch.cat([self.queue, keys.detach()])[-len(self.queue) :]
        return functional.cross_entropy(similarity, torch.zeros(len(keys), dtype=torch.int64, device=keys.device))


class Byol(ContrastiveLearner):
    """Grill et al., NeurIPS 2020: each view predicts the output of ``target`` for the other, without negatives.

    The target is an exponential moving average of the encoder, which it follows more and more slowly.
    """

    step: Tensor

    def __init__(self, encoder: nn.Module, width: int, *, steps: int, momentum: float = 0.996) -> None:
        """Put a projector and a predictor to 256 dimensions behind ``encoder``, which gives ``width`` features.

        Args:
            encoder: Images -> features.
            width: Number of features.
            steps: Steps of the whole training; at its end the target stands still.
            momentum: Share of the target's weights that is kept in the first step.
        """
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(*_block(width, 4096), nn.Linear(4096, 256, bias=False))
        self.predictor = nn.Sequential(*_block(256, 4096), nn.Linear(4096, 256, bias=False))
        self.target = _target(encoder, self.projector)
        self.steps, self.momentum = steps, momentum
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the mean squared distance of normalised predictions and targets, summed over both directions."""
        falling = (1 + torch.cos(math.pi * (self.step / self.steps).clamp_max(1))) / 2
        _follow(self.target, (self.encoder, self.projector), (1 - self.momentum) * falling)
        self.step += 1
        predictions = [self.predictor(self.projector(self.encoder(view))) for view in (first, second)]
        with torch.no_grad():
            targets = [self.target(view) for view in (second, first)]
        a, b = (functional.cosine_similarity(*pair).mean() for pair in zip(predictions, targets, strict=True))
        return 4 - 2 * (a + b)


def backbone(
    size: int,
    *,
    model: str = "resnet18",
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> tuple[FaceClassifier, int]:
    """Return an untrained encoder and the number of its features.

    Args:
        size: Height and width of the images in pixels.
        model: Name of a timm model.
        stem: A ResNet's first layers; see ``classifier``.
        precision: The encoder's number format.
        inputs: How images are normalised; see ``classifier``.
    """
    encoder = classifier(model, 0, size, stem=stem, precision=precision, inputs=inputs)
    return encoder, encoder.network.head_hidden_size  # type: ignore[return-value]


def contrastive(
    learner: Literal["simclr", "simsiam", "moco"],
    size: int,
    *,
    queue: int = 4096,
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> ContrastiveLearner:
    """Make an untrained learner with a ResNet-18, as the authors of TUE have it (arXiv:2210.10114).

    Args:
        learner: Its name.
        size: Height and width of the images in pixels.
        queue: MoCo's keys that serve as negatives.
        stem: The first layers; see ``classifier``.
        precision: The encoder's number format.
        inputs: How images are normalised; see ``classifier``.
    """
    encoder, width = backbone(size, stem=stem, precision=precision, inputs=inputs)
    match learner:
        case "simclr":
            return SimClr(encoder, width)
        case "simsiam":
            return SimSiam(encoder, width)
        case "moco":
            return MoCo(encoder, width, queue=queue, momentum=0.99, temperature=0.2)


def _block(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]


def _target(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(*copy.deepcopy(parts)).requires_grad_(False)


@torch.no_grad()
def _follow(target: nn.Sequential, parts: tuple[nn.Module, ...], share: float | Tensor) -> None:
    """Move the target's weights by a share of the way to those of ``parts``; it has running statistics of its own."""
    for average, weight in zip(target.parameters(), nn.Sequential(*parts).parameters(), strict=True):
        average.lerp_(weight, share)
