"""The base of noise methods whose surrogate is trained once, on the clean images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import Noise, flip_crop, sign_steps
from uebench.plugins.base import Batch, Config, Context, Countermeasure, ImageSet, Radius, Training
from uebench.training.loop import supervised
from uebench.training.noise_method import NoiseMethod, NoiseOptions

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class FixedSurrogateOptions(NoiseOptions, Training):
    """Options of every such method. The training options are those of the surrogate.

    Their defaults are the usual ones for CIFAR-10.

    Attributes:
        steps: Descending sign steps for the noise of each image.
        step: Size of each step.
        restarts: Times the steps are taken, first from ``start``, then from uniform noise; each image keeps the best.
        augment: Mirror and shift the images at random in each step, as ``flip`` and ``crop`` say.
    """

    steps: int = Field(100, ge=1)
    step: Radius = 0.8 / 255
    restarts: int = Field(1, ge=1)
    augment: bool = False
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(128, ge=2)
    flip: bool = True
    crop: int = Field(4, ge=0)


class Augmentation(Countermeasure[Config]):
    """Applies a function to each batch of a surrogate's training; not a plugin."""

    name = "augmentation"
    place = "batch"

    def __init__(self, change: Callable[[Tensor, torch.Generator], Tensor]) -> None:
        """Keep the function: images (B, 3, S, S) in [0, 1] and a CPU generator -> images of the same shape."""
        super().__init__(Config())
        self.change = change

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the changed images and the unchanged targets."""
        return self.change(images, rng), targets


F = TypeVar("F", bound=FixedSurrogateOptions)


class FixedSurrogateMethod(NoiseMethod[F]):
    """Trains a surrogate on clean images, then minimises an objective of its logits for each image."""

    @abstractmethod
    def objective(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the objective that the noise of each image minimises, (B,).

        Args:
            logits: The surrogate's logits for the protected images, (B, K).
            labels: The identities, (B,) int64.
        """

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """Return the augmentations of the surrogate's training, which follow ``flip`` and ``crop``."""
        return ()

    def view(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return protected images (B, 3, S, S) as the surrogate sees them in one step of the noise; differentiable."""
        config = self.config
        return flip_crop(images, rng, flip=config.flip, crop=config.crop) if config.augment else images

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Train the surrogate, then take the sign steps batch by batch."""
        surrogate = self.surrogate(train, ctx)
        supervised(surrogate, train, self.config, self.augmentations, ctx.stage("surrogate"))
        model, first = networks.frozen(surrogate), 0
        if saved := ctx.restore():
            noise.steps.copy_(saved.state["noise"])
            first = saved.step
        parts = torch.split(torch.arange(len(train), device=noise.steps.device), self.config.batch)
        for number, rows in enumerate(parts[first:], first):
            delta, value = self.improve(model, train.batch(rows), noise, ctx.rng("noise", number))
            noise[rows] = delta
            ctx.log(objective=value)
            ctx.save({"noise": noise.steps}, number + 1)
            ctx.progress(number + 1, len(parts), f"fitting {self.name}, objective {value:.3f}")

    def improve(self, model: FaceClassifier, batch: Batch, noise: Noise, rng: torch.Generator) -> tuple[Tensor, float]:
        """Return the best noise (B, 3, S, S) of all restarts for a batch, and its mean objective.

        Args:
            model: The surrogate, frozen.
            batch: Clean images, their labels and rows.
            noise: The noise of all images at the start.
            rng: A CPU generator.
        """
        config, labels = self.config, batch.labels
        best, least = noise[batch.index], torch.full(labels.shape, torch.inf, device=labels.device)

        def loss(images: Tensor) -> Tensor:
            return self.objective(model(self.view(images, rng)), labels).sum()

        start = best
        for _ in range(config.restarts):
            delta = sign_steps(
                loss, batch.images, radius=config.eps, step=config.step, steps=config.steps, ascend=False, start=start
            )
            with torch.no_grad():
                values = self.objective(model(batch.images + delta), labels)
            better = values < least
            best, least = torch.where(better.view(-1, 1, 1, 1), delta, best), torch.where(better, values, least)
            start = (torch.rand(delta.shape, generator=rng).to(delta.device) * 2 - 1) * config.eps
        return best, float(least.mean())
