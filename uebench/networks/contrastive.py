"""Contrastive learners: two views of the same images in, one loss out."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from uebench.networks.classifier import Inputs, Precision, Stem, classifier


class SimClr(nn.Module):
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


class SimSiam(nn.Module):
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


def contrastive(
    learner: Literal["simclr", "simsiam"],
    size: int,
    *,
    model: str = "resnet18",
    stem: Stem = "imagenet",
    precision: Precision = "float32",
    inputs: Inputs = "scaled",
) -> SimClr | SimSiam:
    """Make an untrained learner.

    Args:
        learner: ``simclr`` or ``simsiam``.
        size: Height and width of the images in pixels.
        model: The encoder, a name of timm's.
        stem: A ResNet's first layers, as ``classifier`` takes them.
        precision: What the encoder computes in.
        inputs: How images are normalised, as ``classifier`` takes it.
    """
    encoder = classifier(model, 0, size, stem=stem, precision=precision, inputs=inputs)
    width: int = encoder.network.head_hidden_size  # type: ignore[assignment]
    return SimClr(encoder, width) if learner == "simclr" else SimSiam(encoder, width)


def _block(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
