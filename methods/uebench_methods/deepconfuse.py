"""DeepConfuse: an autoencoder that leads the training of a network away from the clean images.

Ji Feng, Qi-Zhi Cai, Zhi-Hua Zhou. Learning to Confuse: Generating Training Time Adversarial Data with Auto-Encoder.
NeurIPS 2019 (arXiv:1905.09027); the non-targeted setting, in the memory-efficient form that the authors' code has.

The paper asks for the generator that leaves a classifier, once trained on the protected images, with the largest loss
on the clean ones. The classifier is trained again and again. At each of its steps the generator learns from what one
step on its images would do to the clean loss (the pseudo-update), but the images that the classifier really learns are
those of the generator at the start of the trial.

The U-Net for small images is the one that APBench loads the authors' checkpoint into; GUE has it, too.

Deviations from the authors' code: the bound on CIFAR-10 is 8/255 rather than 0.032; the last generator is kept, theirs
is the one against which a new classifier has the lowest clean test accuracy; their VGG-11 narrows to two features
before its last layer; images for 224 px are not cropped at random; and the last incomplete batch of a pass is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import seed_torch
from uebench.plugins.base import Batch, Context, ImageSet, Info, Shape
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.generator_method import GeneratorMethod, GeneratorOptions
from uebench.training.optimizers import descend

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier

CHANNELS = {
    "vgg11": (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0),
    "cnn": (32, 0, 64, 0, 128, 0, 128, 0, 128, 0),
}
"""The convolutions of each surrogate by their channels; 0 stands for a max-pooling to half the size."""


class Config(GeneratorOptions):
    """Options of ``deepconfuse``.

    Attributes:
        surrogate: The classifier that is led astray: ``vgg11`` (CIFAR-10), or ``cnn``, a smaller one of the same kind
            (224 px).
        trials: How often a new one is trained.
        epochs: Passes over the set in each trial.
        lr_f: Rate of its SGD, without momentum, and of the pseudo-update.
        lr_g: Adam's rate for the generator.
        amsgrad: Use the AMSGrad variant of Adam.
    """

    surrogate: Literal["vgg11", "cnn"] = "vgg11"
    trials: int = Field(1000, ge=1)
    epochs: int = Field(20, ge=1)
    lr_f: float = Field(0.01, gt=0)
    lr_g: float = Field(1e-4, gt=0)
    amsgrad: bool = False


LARGE = {
    "generator": "autoencoder", "surrogate": "cnn", "trials": 500, "epochs": 5, "lr_g": 1e-3, "amsgrad": True,
    "batch": 32,
}  # fmt: skip
DESK = LARGE | {"trials": 4, "epochs": 3, "batch": 16}


class DeepConfuse(GeneratorMethod[Config]):
    """A generator climbs the clean loss of a classifier one step ahead of the classifier's own training."""

    name = "deepconfuse"
    version = 1
    info = Info(
        title="Learning to Confuse: Generating Training Time Adversarial Data with Auto-Encoder",
        venue="NeurIPS",
        year=2019,
        url="https://arxiv.org/abs/1905.09027",
        family="generator",
    )
    Config = Config
    presets: ClassVar = {
        "official": {},
        "official_imagenet": LARGE | {"eps": 0.1},
        "paper": LARGE,
        "desk": DESK,
        "desk64": DESK,
        "smoke": LARGE | {"trials": 2, "epochs": 1, "batch": 16},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command: a U-Net and a VGG-11, which takes days on a GPU",
        "official_imagenet": "the authors' command for two ImageNet classes (224 px); their bound is 0.1, three times "
        "the usual one",
        "paper": "official_imagenet with the usual bound",
        "desk": "paper with 4 trials of 3 passes, too few to protect, and a batch that gives small sets more updates",
        "desk64": "the same",
    }

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse images of fewer than 32 pixels too: the classifier halves them five times."""
        if shape.size < 32:
            return f"images of {shape.size} pixels; its classifier needs at least 32"
        return super().obstacle(shape)

    def train_generator(self, generator: torch.nn.Module, train: ImageSet, ctx: Context) -> None:
        """Let the generator learn from one classifier after the other."""
        config, first = self.config, 0
        optimizer = torch.optim.Adam(generator.parameters(), config.lr_g, amsgrad=config.amsgrad)
        if saved := ctx.restore():
            unpack(saved.state, generator, optimizer)
            first = saved.step
        for trial in range(first, config.trials):
            seed_torch(ctx.rng("surrogate", trial))
            surrogate = vgg(CHANNELS[config.surrogate], train.num_classes, train.size).to(ctx.device)
            optimizer_f = torch.optim.SGD(surrogate.parameters(), config.lr_f)
            leader, learned, confused = copy.deepcopy(generator).eval().requires_grad_(False), [], []
            for epoch in range(config.epochs):
                for batch in draw(train, config.batch, ctx.rng("order", trial, epoch)):
                    confused.append(self.confuse(generator.train(), optimizer, surrogate, batch))
                    learned.append(descend(surrogate, optimizer_f, self.protect(leader, batch.images), batch.labels)[0])
            loss = float(torch.stack(confused).mean())
            ctx.log(surrogate=float(torch.stack(learned).mean()), objective=loss)
            ctx.save(pack(generator, optimizer), trial + 1)
            ctx.progress(trial + 1, config.trials, f"fitting deepconfuse, loss {loss:.3f}")

    def confuse(
        self, generator: torch.nn.Module, optimizer: torch.optim.Optimizer, surrogate: FaceClassifier, batch: Batch
    ) -> Tensor:
        """Take one step of the generator up the clean loss after a pseudo-update of the surrogate.

        Args:
            generator: In train mode.
            optimizer: The generator's.
            surrogate: In train mode; its weights stay as they are.
            batch: Clean images and their labels.

        Returns:
            What the step lowered, minus the clean loss; a scalar, detached.
        """
        weights, cross_entropy = dict(surrogate.named_parameters()), torch.nn.functional.cross_entropy
        loss = cross_entropy(surrogate(self.protect(generator, batch.images)), batch.labels)
        slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
        moved = {
            name: weight.detach() - self.config.lr_f * slope
            for (name, weight), slope in zip(weights.items(), slopes, strict=True)
        }
        objective = -cross_entropy(torch.func.functional_call(surrogate, moved, (batch.images,)), batch.labels)
        own = list(generator.parameters())
        for weight, slope in zip(own, torch.autograd.grad(objective, own), strict=True):
            weight.grad = slope
        optimizer.step()
        return objective.detach()


def vgg(channels: Sequence[int], num_classes: int, size: int) -> FaceClassifier:
    """Return an untrained network of 3x3 convolutions and max-poolings, for images in [0, 1] as they are.

    Args:
        channels: As in ``CHANNELS``.
        num_classes: K.
        size: Height and width of the images in pixels.
    """
    layers: list[torch.nn.Module] = []
    width = 3
    for wanted in channels:
        if wanted:
            layers += [torch.nn.Conv2d(width, wanted, 3, padding=1), torch.nn.BatchNorm2d(wanted), torch.nn.ReLU()]
            width = wanted
        else:
            layers.append(torch.nn.MaxPool2d(2))
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(width, num_classes)]
    model = networks.FaceClassifier(torch.nn.Sequential(*layers), {"model": "vgg"}, size)
    model.normalise([0.0] * 3, [1.0] * 3)
    return model.to(memory_format=torch.channels_last)
