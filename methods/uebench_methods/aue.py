"""AUE: augmented unlearnable examples, error-minimising noise for a surrogate that sees contrastive views.

Yihan Wang, Yifan Zhu, Xiao-Shan Gao. Efficient Availability Attacks against Supervised and Contrastive Learning
Simultaneously. NeurIPS 2024 (arXiv:2402.04010), AUE.

``ue`` shows its surrogate the images as they are. Here each image is cropped, mirrored and recoloured anew, in the
surrogate's training and in every step of the noise, so that the noise also works against learning without labels.

Deviations from the authors' code: the changes of colour come in one fixed order; a crop that would be wider or higher
than the image ends at its edge; the surrogate's images are scaled to [-1, 1] unless ``inputs=raw``; and noise is kept
in steps of eps/127. The authors' changing strengths and their noise for each class are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import Noise, sign_steps, view_of_strength
from uebench.plugins.base import Batch, Context, ImageSet, Info, Radius
from uebench.training.batches import trainable_images
from uebench.training.checkpoints import pack, unpack
from uebench.training.noise_method import NoiseMethod, NoiseOptions
from uebench.training.optimizers import descend, make_optimizer, set_rate

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class Config(NoiseOptions):
    """Options of ``aue``; in each epoch the surrogate trains on the protected images, then all noise is improved.

    Attributes:
        strength: Strength of the views, in [0, 1]: at 1 crops and colours as for a contrastive learner, at 0 the images
            themselves.
        epochs: Number of epochs; the surrogate's learning rate falls from epoch to epoch along a cosine.
        steps: Sign steps for each image in each epoch, each on a new view.
        step: Size of each step.
    """

    strength: float = Field(0.6, ge=0, le=1)
    epochs: int = Field(60, ge=1)
    steps: int = Field(5, ge=1)
    step: Radius = 0.8 / 255
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    batch: int = Field(128, ge=2)


AUTHORS = {"stem": "by_size", "inputs": "raw"}
DESK = {"batch": 32, "epochs": 30, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "step": 1.6 / 255}


class Aue(NoiseMethod[Config]):
    """A surrogate and the noise take turns to lower the same loss on random views of the protected images."""

    name = "aue"
    version = 1
    info = Info(
        title="Efficient Availability Attacks against Supervised and Contrastive Learning Simultaneously",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2402.04010",
        family="min-min",
    )
    Config = Config
    presets: ClassVar = {
        "official": AUTHORS,
        "official_cifar100": AUTHORS | {"strength": 1.0},
        "paper": AUTHORS,
        "desk": DESK | {"precision": "bfloat16"},
        "desk64": DESK,
        "smoke": {"batch": 16, "epochs": 1, "steps": 1},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command: strength 0.6, 60 epochs, 5 steps of eps/10",
        "official_cifar100": "the authors' CIFAR-100 command: the same with strength 1",
        "paper": "as official",
        "desk": "official with half the epochs, steps twice as long, a batch that gives small sets more updates, and "
        "Adam: a surrogate learns small sets sooner with it",
        "desk64": "the same in float32",
    }

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Train the surrogate and improve the noise in turns."""
        config, surrogate = self.config, self.surrogate(train, ctx)
        optimizer, first = make_optimizer(surrogate, config), 0
        if saved := ctx.restore():
            unpack(saved.state, surrogate, optimizer)
            noise.steps.copy_(saved.state["noise"])
            first = saved.step
        for epoch in range(first, config.epochs):
            set_rate(optimizer, config.lr * (1 + math.cos(math.pi * epoch / config.epochs)) / 2)
            learned = self._train_surrogate(surrogate, optimizer, noise, train, ctx.rng("surrogate", epoch))
            model, rng, losses = networks.frozen(surrogate), ctx.rng("noise", epoch), []
            for batch in train.batches(config.batch):
                noise[batch.index], loss = self.improve(model, batch, noise, rng)
                losses.append(loss)
            mean = float(torch.stack(losses).mean())
            ctx.log(surrogate=learned, objective=mean)
            ctx.save(pack(surrogate, optimizer) | {"noise": noise.steps}, epoch + 1)
            ctx.progress(epoch + 1, config.epochs, f"fitting aue, loss {mean:.3f}")

    def improve(self, model: FaceClassifier, batch: Batch, noise: Noise, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return better noise (B, 3, S, S) for a batch, and the mean loss over its steps.

        Args:
            model: The surrogate, frozen.
            batch: Clean images, their labels and rows.
            noise: The noise of all images so far.
            rng: A CPU generator.
        """
        config, losses = self.config, []

        def loss(images: Tensor) -> Tensor:
            view = view_of_strength(images, rng, config.strength)
            value = torch.nn.functional.cross_entropy(model(view), batch.labels)
            losses.append(value.detach())
            return value

        start = noise[batch.index]
        delta = sign_steps(
            loss, batch.images, radius=config.eps, step=config.step, steps=config.steps, ascend=False, start=start
        )
        return delta, torch.stack(losses).mean()

    def _train_surrogate(
        self,
        surrogate: FaceClassifier,
        optimizer: torch.optim.Optimizer,
        noise: Noise,
        train: ImageSet,
        rng: torch.Generator,
    ) -> float:
        """Train the surrogate on one view of each protected image; return its mean loss."""
        config, losses = self.config, []
        surrogate.train()
        order = torch.randperm(len(train), generator=rng)[: trainable_images(len(train), config.batch)]
        for batch in train.batches(config.batch, order=order):
            protected = (batch.images + noise[batch.index]).clamp(0, 1)
            view = view_of_strength(protected, rng, config.strength)
            losses.append(descend(surrogate, optimizer, view, batch.labels)[0])
        return float(torch.stack(losses).mean())
