"""Orthogonal projection: removes from the images what a linear classifier finds in them.

Pedro Sandoval-Segura, Vasu Singla, Jonas Geiping, Micah Goldblum, Tom Goldstein. What Can We Learn from Unlearnable
Datasets? NeurIPS 2023 (arXiv:2305.19254), Algorithm 1.

The gradient of a linear classifier grows with the number of pixels. The authors' learning rate, which is for 32 pixels,
is therefore divided by the ratio of the numbers of pixels.

Deviations from the authors' code: the projected images are clipped and rounded to grey levels, as every training image
is; and the classifier sees the images in random order (a face set is sorted by identity). The authors then train with
strong augmentations, among them CutMix. Here the attacker trains as it is asked to, so recoveries are not comparable
with theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.ops import map_levels
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.base import Countermeasure, ImageSet, Info
from uebench.training.optimizers import descend

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``orthogonal_projection``; the optimiser is SGD without momentum.

    Attributes:
        epochs: Epochs of the logistic regression.
        lr: Learning rate for images of 32 pixels; a tenth of it after half of the epochs, a hundredth after three
            quarters.
        batch: Images per step.
    """

    epochs: int = Field(20, ge=1)
    lr: float = Field(0.1, gt=0)
    batch: int = Field(1024, ge=1)


SMALL_SETS = {"batch": 32, "epochs": 36}


class OrthogonalProjection(Countermeasure[Config]):
    """Fits a logistic regression on the pixels and projects every image off the span of its weights."""

    name = "orthogonal_projection"
    version = 2
    info = Info(
        title="What Can We Learn from Unlearnable Datasets?",
        venue="NeurIPS",
        year=2023,
        url="https://arxiv.org/abs/2305.19254",
        family="projection",
    )
    Config = Config
    presets: ClassVar = {
        "official": {},
        "desk": SMALL_SETS,
        "desk64": SMALL_SETS,
        "paper": SMALL_SETS,
    }
    why: ClassVar = {
        "official": "the authors' settings for CIFAR-10, whose 20 epochs are 980 steps",
        "desk": "a batch that small sets fill, and so many epochs that the classifier takes about as many steps on 840 "
        "images",
        "desk64": "the same",
        "paper": "the same",
    }
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
        """Return the weights (K, 3 H W) of a logistic regression, without bias, on the training images."""
        config, values = self.config, train.images[0].numel()
        linear = torch.nn.Linear(values, train.num_classes, bias=False)
        torch.nn.init.uniform_(linear.weight, -(values**-0.5), values**-0.5, generator=rng)
        linear.to(train.images.device)
        optimizer = torch.optim.SGD(linear.parameters(), config.lr * 3 * 32 * 32 / values)
        falls = [-(-config.epochs * part // 4) for part in (2, 3)]  # rounded up: the first epoch has the full rate
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, falls)
        for _ in range(config.epochs):
            for batch in train.batches(config.batch, order=torch.randperm(len(train), generator=rng)):
                descend(linear, optimizer, batch.images.flatten(1), batch.labels)
            schedule.step()
        return linear.weight.detach()
