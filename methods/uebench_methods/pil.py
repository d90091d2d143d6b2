"""PIL: perturbation-induced linearisation, noise that needs no more than a linear classifier.

Jinlin Liu, Wei Chen, Xiaojin Zhang. Perturbation-Induced Linearization: Constructing Unlearnable Data with Solely
Linear Classifiers. ICLR 2026 (arXiv:2601.19967).

The authors' classifier is the product of two linear layers without bias, and so is this one. Its gradient grows with
the number of pixels, so the presets for larger images divide the authors' learning rate by the ratio of the numbers
of pixels.

Deviations from the authors' code: the learning rate falls with every step, not every epoch, and the classifier sees the
images in random order (a face set is sorted by identity).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import sign_steps
from uebench.plugins.base import Batch, Context, ImageSet, Info, Method, Precision, Radius, Training
from uebench.training.loop import supervised

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class Config(Training):
    """Options of ``pil``. The training options are those of the linear classifier, on clean images.

    Attributes:
        eps: L-inf bound of the perturbation.
        steps: Descending sign steps for each image.
        step: Size of each step.
        alpha: Weight of the shortcut, the classifier's cross-entropy on the perturbation alone. 1 - alpha is the weight
            of the divergence of its answer to the protected image from the uniform one.
    """

    eps: Radius = 8 / 255
    steps: int = Field(30, ge=1)
    step: Radius = 0.8 / 255
    alpha: float = Field(0.9, ge=0, le=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.003, gt=0)
    batch: int = Field(512, ge=2)
    epochs: int = Field(30, ge=1)


class Pil(Method[Config]):
    """Subtracts a perturbation that a linear classifier recognises, and leaves an image that it cannot classify."""

    name = "pil"
    version = 2
    info = Info(
        title="Perturbation-Induced Linearization: Constructing Unlearnable Data with Solely Linear Classifiers",
        venue="ICLR",
        year=2026,
        url="https://arxiv.org/abs/2601.19967",
        family="linear",
    )
    Config = Config
    presets: ClassVar = {
        "official": {},
        "paper": {"lr": 0.003 / 49, "batch": 32, "epochs": 72},
        "desk": {"lr": 0.003 / 9, "batch": 32, "epochs": 110},
        "desk64": {"lr": 0.003 / 4, "batch": 32},
        "smoke": {"epochs": 2, "steps": 5},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 settings",
        "paper": "official, with the learning rate divided by 49 as an image of 224 px has 49 times the pixels, a "
        "batch that small sets fill, and so many epochs that the classifier takes on 1,300 images their steps",
        "desk": "official, with the learning rate divided by 9 as an image of 96 px has 9 times the pixels, a batch "
        "that small sets fill, and so many epochs that the classifier takes on 840 images as many steps as theirs",
        "desk64": "official at 64 px, with 4 times the pixels, and the batch of desk",
    }

    _weights: Tensor  # (K, 3, S, S)

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Train the classifier, linear and without bias, on the clean images."""
        model = linear(train.num_classes, train.size, self.config.precision)
        supervised(model, train, self.config, (), ctx)
        first, second = model.network.parameters()
        self._weights = (second @ first).detach().view(train.num_classes, 3, train.size, train.size)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Find each perturbation by sign steps from a uniform start of its own, and subtract it."""
        images, labels, eps = batch.images, batch.labels, self.config.eps
        starts = [torch.rand(images.shape[1:], generator=ctx.rng("start", row)) for row in batch.index.tolist()]
        noise = sign_steps(
            lambda protected: self.objective(images - protected, images, labels),
            images,
            radius=eps,
            step=self.config.step,
            steps=self.config.steps,
            ascend=False,
            start=torch.stack(starts).to(images.device).mul(2).sub(1).mul(eps),
            clamp=False,
        )
        return (images + noise).clamp(0, 1)

    def objective(self, delta: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Return the objective that the perturbations minimise, summed over a batch.

        alpha * CE(f(delta), y) + (1 - alpha) * KL(uniform || softmax f(x - delta)), with f the classifier.

        Args:
            delta: The perturbations, which are subtracted, (B, 3, S, S).
            images: The clean images x, (B, 3, S, S) in [0, 1].
            labels: Their identities y, (B,) int64.
        """
        alpha, weights = self.config.alpha, self._weights.flatten(1).to(images.device)
        shortcut = torch.nn.functional.cross_entropy(delta.flatten(1) @ weights.T, labels, reduction="sum")
        log_share = torch.log_softmax((images - delta).flatten(1) @ weights.T, 1)
        told = -(log_share.mean(1) + math.log(len(weights))).sum()
        total: Tensor = alpha * shortcut + (1 - alpha) * told
        return total

    def state(self) -> dict[str, Tensor]:
        """Return the classifier's weights (K, 3, S, S)."""
        return {"weights": self._weights}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load a classifier; it also works for other images of its identities."""
        self._weights = state["weights"]
        return self


def linear(num_classes: int, size: int, precision: Precision = "float32") -> FaceClassifier:
    """Return an untrained linear classifier (K logits, no bias) of images of ``size`` pixels, not normalised."""
    network = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(3 * size * size, num_classes, bias=False),
        torch.nn.Linear(num_classes, num_classes, bias=False),
    )
    model = networks.FaceClassifier(network, {"model": "linear"}, size, precision)
    model.normalise([0.0] * 3, [1.0] * 3)
    return model
