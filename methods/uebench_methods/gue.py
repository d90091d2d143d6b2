"""GUE: a generator that plays a game against a classifier which must be wrong about clean images.

Shuang Liu, Yihan Wang, Xiao-Shan Gao. Game-Theoretic Unlearnable Example Generator. AAAI 2024 (arXiv:2401.17523); the
game without adversarial training.

The generator leads and the classifier follows (a Stackelberg game): the classifier is whatever fits the protected
images best, and the generator wants it to do badly on clean ones. The authors solve this with the first-order method
BOME (Bo Liu et al. NeurIPS 2022): both networks move together down the clean payoff, as long as the classifier
stays as good on the protected images as a copy of it that was trained on them for some more steps.

Deviations from the authors' code: the last generator is kept, theirs is the one against which a new classifier has the
lowest clean test accuracy; the generator sees each batch once, theirs once more in each step of the copy, which changes
nothing but the running statistics of its normalisations; and the last incomplete batch of a pass is left out.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import seed_torch
from uebench.plugins.base import Batch, Context, ImageSet, Info, Shape, Stem
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.generator_method import GeneratorMethod, GeneratorOptions
from uebench.training.optimizers import descend

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class Config(GeneratorOptions):
    """Options of ``gue``; the Greek letter is BOME's.

    Attributes:
        epochs: Passes over the set.
        eta: How much of the constraint's gradient a step must at least follow.
        optimizer: Of both networks: ``sgd``, without momentum, or ``adam``.
        lr_g: Its rate for the generator.
        lr_f: Its rate for the classifier.
        inner_steps: Adam steps of the classifier's copy on each batch.
        lr_inner: Their rate.
        stem: The classifier's first layers; ``small`` has no stride and no pooling there, ``by_size`` is ``small`` up
            to 112 pixels.
    """

    epochs: int = Field(50, ge=1)
    eta: float = Field(1.5, ge=0)
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr_g: float = Field(0.1, gt=0)
    lr_f: float = Field(0.01, gt=0)
    inner_steps: int = Field(10, ge=1)
    lr_inner: float = Field(1e-4, gt=0)
    stem: Stem = "imagenet"


DESK = {
    "width": 16, "batch": 16, "epochs": 6, "inner_steps": 3, "optimizer": "adam", "lr_g": 1e-3, "lr_f": 1e-3,
}  # fmt: skip


class Gue(GeneratorMethod[Config]):
    """A generator and a classifier move together, to where fitting the protected images means being wrong."""

    name = "gue"
    version = 1
    info = Info(
        title="Game-Theoretic Unlearnable Example Generator",
        venue="AAAI",
        year=2024,
        url="https://arxiv.org/abs/2401.17523",
        family="generator",
    )
    Config = Config
    presets: ClassVar = {
        "official": {"stem": "by_size"},
        "paper": {"stem": "by_size"},
        "desk": DESK,
        "desk64": DESK,
        "smoke": {"width": 4, "batch": 9, "epochs": 2, "inner_steps": 1},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command",
        "paper": "as official",
        "desk": "official with 6 epochs, 3 inner steps, and a batch that gives small sets more updates; Adam: with it "
        "a surrogate learns small sets sooner; the usual stem and a quarter of the U-Net's width, because the authors' "
        "take many times as long",
        "desk64": "the same",
    }
    earlier: ClassVar = {
        "1f2fbc9c5f7a86cb55cc3602eb843150dd911b6299f50351dd1745e694636f3c": "finished weights needed two identities",
    }

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse a single identity in training, too: its classifier is never wrong."""
        if self.config.weights is None and shape.num_classes < 2:
            return "one identity; the game needs at least two"
        return super().obstacle(shape)

    def train_generator(self, generator: torch.nn.Module, train: ImageSet, ctx: Context) -> None:
        """Play the game, batch by batch."""
        config, first = self.config, 0
        seed_torch(ctx.rng("surrogate"))
        surrogate = networks.classifier("resnet18", train.num_classes, train.size, stem=config.stem, inputs="raw")
        surrogate.to(ctx.device)
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[config.optimizer]
        optimizer_g, optimizer_f = kind(generator.parameters(), config.lr_g), kind(surrogate.parameters(), config.lr_f)
        if saved := ctx.restore():
            unpack(saved.state, generator, optimizer_g, "g.")
            unpack(saved.state, surrogate, optimizer_f, "f.")
            first = saved.step
        for epoch in range(first, config.epochs):
            losses = []
            for batch in draw(train, config.batch, ctx.rng("order", epoch)):
                losses.append(torch.stack(self.play(generator.train(), surrogate.train(), batch)))
                optimizer_g.step()
                optimizer_f.step()
            objective, learned = torch.stack(losses).mean(0).tolist()
            ctx.log(surrogate=learned, objective=objective)
            ctx.save(pack(generator, optimizer_g, "g.") | pack(surrogate, optimizer_f, "f."), epoch + 1)
            ctx.progress(epoch + 1, config.epochs, f"fitting gue, payoff {objective:.3f}")

    def play(self, generator: torch.nn.Module, surrogate: FaceClassifier, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give the weights of both networks their gradients for one step of the game.

        With f the payoff and q the surrogate's loss on the protected images minus that of its trained copy, both
        networks follow grad f + lambda * grad q, where lambda = max(0, eta - <grad f, grad q> / |grad q|^2).

        Args:
            generator: In train mode.
            surrogate: In train mode.
            batch: Clean images and their labels.

        Returns:
            The payoff, and the surrogate's loss on the protected images; scalars, detached.
        """
        config, cross_entropy = self.config, torch.nn.functional.cross_entropy
        protected = self.protect(generator, batch.images)
        best = copy.deepcopy(surrogate)
        optimizer = torch.optim.Adam(best.parameters(), config.lr_inner)
        for _ in range(config.inner_steps):
            descend(best, optimizer, protected.detach(), batch.labels)
        best.requires_grad_(False)

        theta, xi = list(surrogate.parameters()), list(generator.parameters())
        clean = payoff(surrogate(batch.images), batch.labels)
        down = torch.autograd.grad(clean, theta)
        loss = cross_entropy(surrogate(protected), batch.labels)
        gap = loss - cross_entropy(best(protected), batch.labels)
        back = torch.autograd.grad(gap, theta + xi)

        norm = torch.stack([slope.square().sum() for slope in back]).sum()
        along = torch.stack([(f * q).sum() for f, q in zip(down, back, strict=False)]).sum()
        weight = ((config.eta * norm - along) / (norm + 1e-8)).relu()
        gradients = [weight * slope for slope in back]
        gradients[: len(theta)] = [f + q for f, q in zip(down, gradients, strict=False)]
        for parameter, gradient in zip(theta + xi, gradients, strict=True):
            parameter.grad = gradient
        return clean.detach(), loss.detach()


def payoff(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy for the wrong identity that is thought least likely, the mean over a batch.

    Where it is low, every wrong identity is likely, and the true one is not.

    Args:
        logits: (B, K) with K of at least 2.
        labels: (B,) int64.
    """
    least = logits.scatter(1, labels[:, None], torch.inf).amin(1)
    return (logits.logsumexp(1) - least).mean()
