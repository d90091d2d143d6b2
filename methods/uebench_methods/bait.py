"""BAIT: binding artificial perturbations to incorrect targets, against networks that can see before they are trained.

Zhihao Li, Gezheng Xu, Jiale Cai, Ruiyi Fang, Di Wu, Qicheng Lao, Charles Ling, Boyu Wang. When Priors Backfire: On the
Vulnerability of Unlearnable Examples to Pretraining. ICLR 2026 (arXiv:2603.04731).

All images of an identity share one perturbation. In the inner level, a surrogate takes a step that ties protected
images to their true identities. In the outer level, a generator learns perturbations that let this surrogate take an
image for *another* identity as soon as the image bears the perturbation of that other one. The other identity is first
the likeliest wrong one, later a random one, and in the end the least likely.

Deviations from the authors' code: their configuration of the optimiser is not public, so momentum, weight decay and the
limit on the gradient are those of ``ue``, which their code is built on; a pretrained surrogate's images are normalised
as in its pretraining; protected images are clamped in the surrogate's training too; noise is kept in steps of eps/127;
and protected images are rounded to the nearest grey level, not down.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import Noise, flip_crop, seed_torch
from uebench.plugins.base import Context, ImageSet, Info, Shape
from uebench.plugins.timm_names import ModelName
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.noise_method import NoiseMethod, NoiseOptions
from uebench.training.optimizers import descend, make_optimizer, take_step

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import BaitGenerator, FaceClassifier

TARGETS = ("likeliest", "random", "least_likely")
"""The wrong identities of the three stages, each a third of the rounds."""


class Config(NoiseOptions):
    """Options of ``bait``.

    Attributes:
        surrogate: The checkpoint that the surrogate starts from: a state dict of the model, as .safetensors or as
            ``torch.save`` writes one. Without one it is a ResNet-18 with random weights.
        model: Its architecture, a name of timm's.
        rounds: How often the generator goes through the set.
        maxiter: Batches of the generator in each round; 0: one pass.
        lr_g: Adam's rate for the generator.
        crop: Shift each image by up to so many pixels, and mirror it with probability 1/2, each time that it is seen.
        clip: Largest norm of the surrogate's gradient; 0 for no limit.
    """

    surrogate: Path | None = None
    model: ModelName = "resnet18"
    rounds: int = Field(90, ge=3)
    maxiter: int = Field(0, ge=0)
    lr_g: float = Field(1e-3, gt=0)
    crop: int = Field(4, ge=0)
    clip: float = Field(5.0, ge=0)
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(512, ge=2)


DESK = {"batch": 32, "rounds": 30, "maxiter": 6}


class Bait(NoiseMethod[Config]):
    """Noise of an identity that even images of others are recognised by."""

    name = "bait"
    version = 1
    info = Info(
        title="When Priors Backfire: On the Vulnerability of Unlearnable Examples to Pretraining",
        venue="ICLR",
        year=2026,
        url="https://arxiv.org/abs/2603.04731",
        family="min-min",
    )
    Config = Config
    presets: ClassVar = {
        "official": {},
        "paper": {"crop": 28},
        "desk": DESK | {"crop": 12, "precision": "bfloat16"},
        "desk64": DESK | {"crop": 8},
        "smoke": {"batch": 8, "rounds": 3, "maxiter": 1},
    }
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command; they name an ImageNet ResNet-18 as surrogate",
        "paper": "official, with shifts of an eighth of the image as at 32 px",
        "desk": "paper with a third of the rounds, because a step of the generator takes a CPU ten seconds, and with a "
        "batch that small sets fill, so that a round has six such steps instead of one; an image whose target is "
        "missing from such a batch is passed over, which is common where there are many identities",
        "desk64": "the same in float32",
    }
    earlier: ClassVar = {
        "633db0661e59e309afa3356c9a25eaec74e2de917b0dfb3fc04ed1271ecd0e6a": "finished noise needed two identities",
    }

    @property
    def classwise(self) -> bool:
        """Return True: all images of an identity share their noise."""
        return True

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the surrogate's checkpoint as well."""
        given = super().assets(size)
        return (*given, self.config.surrogate) if self.config.surrogate and not given else given

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse a single identity, and sizes that the generator does not return to, unless the noise is given."""
        if self.config.weights is None:
            if shape.num_classes < 2:
                return "one identity; its images must be taken for another's, so it needs at least two"
            if shape.size % 8 or shape.size < 16:
                return f"images of {shape.size} pixels; the generator needs a multiple of 8, at least 16"
        return super().obstacle(shape)

    def surrogate(self, train: ImageSet, ctx: Context) -> FaceClassifier:
        """Return the pretrained network with a new head, if a checkpoint is named."""
        file, precision = self.config.surrogate, self.config.precision
        if file is None:
            return super().surrogate(train, ctx)
        made = networks.pretrained(self.config.model, train.num_classes, train.size, file, precision=precision)
        return made.to(ctx.device)

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Let the levels take turns; the noise is then the mean that the generator makes of an identity's images."""
        config, surrogate = self.config, self.surrogate(train, ctx)
        seed_torch(ctx.rng("generator"))
        generator = networks.BaitGenerator().to(ctx.device)
        optimizer = make_optimizer(surrogate, config)
        optimizer_g = torch.optim.Adam(generator.parameters(), config.lr_g)
        first = 0
        if saved := ctx.restore():
            unpack(saved.state, surrogate, optimizer, "f.")
            unpack(saved.state, generator, optimizer_g, "g.")
            noise.steps.copy_(saved.state["noise"])
            first = saved.step
        for number in range(first, config.rounds):
            rng = ctx.rng("inner", number)
            batch = next(draw(train, config.batch, rng, count=1))
            images = flip_crop(batch.images, rng, flip=True, crop=config.crop)
            ahead, optimizer_ahead = copy.deepcopy((surrogate.train(), optimizer))
            descend(ahead, optimizer_ahead, (images + noise[batch.labels]).clamp(0, 1), batch.labels)
            stage, rng = number * len(TARGETS) // config.rounds, ctx.rng("outer", number)
            loss = self._train_generator(generator, optimizer_g, ahead.requires_grad_(False), noise, train, stage, rng)
            protected = (images + noise[batch.labels]).clamp(0, 1)
            learned = float(descend(surrogate, optimizer, protected, batch.labels, clip=config.clip)[0])
            ctx.log(surrogate=learned, objective=loss)
            state = pack(surrogate, optimizer, "f.") | pack(generator, optimizer_g, "g.") | {"noise": noise.steps}
            ctx.save(state, number + 1)
            ctx.progress(number + 1, config.rounds, f"fitting bait, loss {loss:.3f}")
        noise[torch.arange(train.num_classes, device=ctx.device)] = config.eps * self._means_of_all(generator, train)

    def targets(self, logits: Tensor, labels: Tensor, stage: int, rng: torch.Generator) -> Tensor:
        """Return the identity (B,) that each image is to be taken for.

        Args:
            logits: The surrogate's for the clean images, (B, K).
            labels: The true identities, (B,).
            stage: The place in ``TARGETS``. The least likely identity may be the true one.
            rng: A CPU generator.
        """
        match TARGETS[stage]:
            case "likeliest":
                return logits.scatter(1, labels[:, None], -torch.inf).argmax(1)
            case "random":
                others = torch.randint(1, logits.shape[1], labels.shape, generator=rng)
                return (labels + others.to(labels.device)) % logits.shape[1]
            case _:
                return logits.argmin(1)

    def _train_generator(
        self,
        generator: BaitGenerator,
        optimizer: torch.optim.Optimizer,
        ahead: FaceClassifier,
        noise: Noise,
        train: ImageSet,
        stage: int,
        rng: torch.Generator,
    ) -> float:
        """Train the generator for a round, and keep the noise of each identity after each step; return the mean loss.

        The surrogate stays in train mode, as the authors have it: each batch is normalised by its own statistics.
        """
        config, losses = self.config, []
        generator.train()
        for batch in draw(train, config.batch, rng, count=config.maxiter):
            images, labels = flip_crop(batch.images, rng, flip=True, crop=config.crop), batch.labels
            with torch.no_grad():
                targets = self.targets(ahead(images), labels, stage, rng)
            means = class_means(self._raw(generator, images), labels, train.num_classes)
            protected = (images + config.eps * means[targets]).clamp(0, 1)
            losses.append(take_step(optimizer, torch.nn.functional.cross_entropy(ahead(protected), targets)))
            with torch.no_grad():
                noise.set_means(labels, config.eps * self._raw(generator, images))
        return float(torch.stack(losses).mean())

    def _raw(self, generator: BaitGenerator, images: Tensor) -> Tensor:
        """Return G(x) in training, in the precision of the surrogate."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            raw: Tensor = generator(images)
        return raw.float()

    def _means_of_all(self, generator: BaitGenerator, train: ImageSet) -> Tensor:
        """Return the mean (K, 3, S, S) of what the generator, in eval mode, makes of each identity's clean images."""
        generator.eval()
        total = torch.zeros(train.num_classes, 3, train.size, train.size, device=train.images.device)
        with torch.no_grad():
            for batch in train.batches(self.config.batch):
                total.index_add_(0, batch.labels, generator(batch.images))
        counts = torch.bincount(train.labels, minlength=train.num_classes).clamp_min(1)
        return total / counts.view(-1, 1, 1, 1)


def class_means(rows: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return the mean of the rows (B, ...) of each class, (K, ...); zero for a class without any.

    Args:
        rows: One row for each image; gradients pass through the means.
        labels: The class of each row, (B,) int64.
        num_classes: K.
    """
    shares = torch.nn.functional.one_hot(labels, num_classes).to(rows.dtype)
    shares = shares / shares.sum(0).clamp_min(1)
    return (shares.T @ rows.flatten(1)).view(num_classes, *rows.shape[1:])
