"""Orthogonal projection: removes from the images what a linear classifier finds in them.

Pedro Sandoval-Segura, Vasu Singla, Jonas Geiping, Micah Goldblum, Tom Goldstein. What Can We Learn from Unlearnable
Datasets? NeurIPS 2023 (arXiv:2305.19254), Algorithm 1. The projected images are clipped and rounded to grey levels
here, as every training image is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import map_levels
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info
from uebench.training.optimizers import descend

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``orthogonal_projection``; the optimiser is SGD with momentum 0.9.

    Attributes:
        epochs: Epochs of the logistic regression.
        lr: Learning rate.
        weight_decay: L2 penalty.
        batch: Images per step.
    """

    epochs: int = Field(20, ge=1)
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(128, ge=1)


class OrthogonalProjection(Countermeasure[Config]):
    """Fits a logistic regression on the pixels and projects every image off the span of its weights."""

    name = "orthogonal_projection"
    version = 1
    info = Info(
        title="What Can We Learn from Unlearnable Datasets?",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2305.19254",
        family="projection",
    )
    Config = Config
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the projected images."""
        basis = torch.linalg.qr(self.weights(train, rng).T).Q

        def project(images: Tensor) -> Tensor:
            flat = images.flatten(1)
            rest: Tensor = flat - flat @ basis @ basis.T
            return rest.view_as(images)

        return map_levels(train.images, project)

    def weights(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the weights (K, 3 H W) of a logistic regression on the training images."""
        config = self.config
        linear = torch.nn.Linear(train.images[0].numel(), train.num_classes)
        for parameter in linear.parameters():
            torch.nn.init.uniform_(parameter, -0.01, 0.01, generator=rng)
        linear.to(train.images.device)
        optimizer = torch.optim.SGD(linear.parameters(), config.lr, momentum=0.9, weight_decay=config.weight_decay)
        for _ in range(config.epochs):
            for batch in train.batches(config.batch, order=torch.randperm(len(train), generator=rng)):
                descend(linear, optimizer, batch.images.flatten(1), batch.labels)
        return linear.weight.detach()
