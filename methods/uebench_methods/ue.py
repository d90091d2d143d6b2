"""UE: error-minimising noise (also called EM), and its error-maximising counterpart.

Hanxun Huang, Xingjun Ma, Sarah Monazam Erfani, James Bailey, Yisen Wang. Unlearnable Examples: Making Personal Data
Unexploitable. ICLR 2021 (arXiv:2101.04898), Eq. 1 and section 3.2.

Deviations from the authors' code: the surrogate sees the images in random order (a face set is sorted by identity)
and, unless ``inputs=raw``, scaled to [-1, 1]; protected images are clamped to the pixel range also while it trains (the
Segue authors' baseline does not clamp in the steps of the noise either); the noise is kept as int8 in steps of eps/127,
and protected images are rounded to the nearest grey level; ``rounds`` ends a search that the authors end by its error
alone; and ``subset`` draws the part that improves anew in every round.

Deviation of ``variant=error_max``: in each round its surrogate trains ``train_steps`` batches on the protected images,
which are clean in the first round only. The authors train theirs on clean images to the end and never again. They stop
at an error of 0.9, and this at 0.99 by default. ``tap(variant=untargeted)`` attacks such a fixed surrogate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import Noise, sign_steps
from uebench.plugins.base import Batch, Context, ImageSet, Info, Radius
from uebench.plugins.presets import of_baseline, why_of_baseline
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.noise_method import NoiseMethod, RoundsOptions
from uebench.training.optimizers import descend, make_optimizer

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class Config(RoundsOptions):
    """Options of ``ue``; a round trains the surrogate on the protected images, then improves the noise on all of them.

    Attributes:
        noise: ``samplewise``: each image has its own; ``classwise``: each identity has one, the mean over its images.
        variant: ``error_min``: noise that leaves nothing to learn; ``error_max``: noise that raises the loss of a
            surrogate that trains on the protected images, too. In ``tap`` the surrogate learns clean images only.
        one_sided: Apply the noise without its negative half, as the authors' data sets do; it is optimised two-sided.
        train_steps: The surrogate's batches in a round (the authors' M); 0 means one pass over the set.
        clip: Largest norm of the surrogate's gradient; 0 for no limit.
        steps: Sign steps for each image in each round.
        step: Size of each step.
        subset: Share of the images, drawn anew each round, on which the noise is improved.
        stop_error: Stop when the surrogate errs on less than this share of the protected images (error_max: on more
            than one minus this); 0 never stops.
        stop_loss: Stop when the mean loss over the steps of the noise is below this; 0 never stops.
    """

    noise: Literal["samplewise", "classwise"] = "samplewise"
    variant: Literal["error_min", "error_max"] = "error_min"
    one_sided: bool = False
    train_steps: int = Field(10, ge=0)
    clip: float = Field(5.0, ge=0)
    steps: int = Field(20, ge=1)
    step: Radius = 0.8 / 255
    subset: float = Field(1.0, gt=0, le=1)
    stop_error: float = Field(0.01, ge=0, le=1)
    stop_loss: float = Field(0.0, ge=0)
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    batch: int = Field(512, ge=2)


AUTHORS = {"stem": "by_size", "inputs": "raw"}
SEGUE_PAPER = {
    **AUTHORS, "rounds": 37, "warmup": 3, "surrogate_every": 5, "train_steps": 0, "clip": 0.0, "steps": 1,
    "start": "uniform", "stop_error": 0.0, "stop_loss": 0.001, "optimizer": "adam", "lr": 5e-4, "weight_decay": 0.0,
    "batch": 16, "schedule": "oscillating",
}  # fmt: skip
DESK = {
    "batch": 128, "rounds": 10, "steps": 5, "step": 1.6 / 255, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0,
}  # fmt: skip


class Ue(NoiseMethod[Config]):
    """A surrogate and the noise take turns to lower the same loss, until the images teach nothing more."""

    name = "ue"
    version = 1
    info = Info(
        title="Unlearnable Examples: Making Personal Data Unexploitable",
        venue="ICLR",
        year=2021,
        url="https://arxiv.org/abs/2101.04898",
        family="min-min",
    )
    Config = Config
    presets: ClassVar = of_baseline(
        AUTHORS,
        SEGUE_PAPER,
        official_classwise={**AUTHORS, "noise": "classwise", "steps": 1, "subset": 0.2},
        official_face={
            **AUTHORS, "noise": "classwise", "eps": 16 / 255, "steps": 1, "step": 1.6 / 255, "train_steps": 30,
            "stop_error": 0.1, "batch": 32,
        },
        desk=DESK | {"precision": "bfloat16"},
        desk64=DESK,
        smoke={"batch": 16, "rounds": 1, "train_steps": 2, "steps": 1},
    )  # fmt: skip
    why: ClassVar = why_of_baseline(
        official="the authors' sample-wise CIFAR-10 command, two-sided; their data sets apply one_sided=true",
        official_classwise="the authors' class-wise CIFAR-10 command: one step, on a fifth of the images in each round",
        official_face="the options of the authors' command for faces (class-wise, 112 px), with a ResNet-18 and its "
        "rate in place of their InceptionResnetV1; their bound is 16/255, twice the usual one",
        segue_paper="the Segue authors' own baseline: 40 passes, one step for each image in each after the third, and "
        "Adam with their cosine; the surrogate trains in 11 passes and the noise in 37, theirs in 9 and 38; batches "
        "are new in every pass, and an incomplete one is left out",
        desk="official with a quarter of the steps, each twice as long, a batch that small sets fill, and the best of "
        "three optimisers on held-out photographs; see docs/evidence.md",
        desk64="the same in float32",
    )

    earlier: ClassVar = {
        "1dbdaed9b733f4f72b02aa93388d814548c3223e3b0c20b1a8f39bb9c59f50d1": "progress showed a loss in the warm-up",
    }

    @property
    def classwise(self) -> bool:
        """Return whether the user asked for one noise for each identity."""
        return self.config.noise == "classwise"

    @property
    def shaped_by(self) -> Mapping[str, Any]:
        """Add ``noise``, which decides whether the images of an identity share theirs."""
        return {**super().shaped_by, "noise": self.config.noise}

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Train the surrogate and improve the noise in turns (Eq. 1), until a stop rule holds."""
        config = self.config
        surrogate = self.surrogate(train, ctx)
        optimizer = make_optimizer(surrogate, config)
        first, stopped, total = 0, False, config.total
        if saved := ctx.restore():
            unpack(saved.state, surrogate, optimizer)
            noise.steps.copy_(saved.state["noise"])
            first, stopped = saved.step, saved.values["stopped"]
        for number in range(first, total):
            if stopped:
                break
            loss, learned, reason = math.nan, None, ""
            if config.trains(number):
                batches = draw(train, config.batch, ctx.rng("surrogate", number), count=config.train_steps)
                start = config.first_step(number, config.train_steps or len(train) // min(config.batch, len(train)))
                learned = self._train_surrogate(surrogate, optimizer, noise, batches, start)
            if number >= config.warmup:
                loss = self._improve(surrogate, noise, train, ctx.rng("subset", number))
                if loss < config.stop_loss:
                    reason = f"loss below {config.stop_loss:g}"
                elif self._solved(surrogate, noise, train):
                    few = config.variant == "error_min"
                    reason = f"error below {config.stop_error:g}" if few else f"error above {1 - config.stop_error:g}"
            stopped = bool(reason)
            ctx.log(surrogate=learned, objective=loss, stopped=reason)
            ctx.save(pack(surrogate, optimizer) | {"noise": noise.steps}, number + 1, stopped=stopped)
            ctx.progress(number + 1, total, "fitting ue" + (f", loss {loss:.3f}" if number >= config.warmup else ""))

    def applied(self, delta: Tensor) -> Tensor:
        """Drop the negative half if ``one_sided``."""
        return delta.clamp_min(0) if self.config.one_sided else delta

    def _train_surrogate(
        self,
        surrogate: FaceClassifier,
        optimizer: torch.optim.Optimizer,
        noise: Noise,
        batches: Iterator[Batch],
        start: int,
    ) -> float:
        """Train the surrogate on protected images from its optimiser's step ``start`` on; return its mean loss."""
        surrogate.train()
        losses = []
        for step, batch in enumerate(batches, start):
            self.config.set_rate(optimizer, step)
            protected = (batch.images + noise[self.rows(batch)]).clamp(0, 1)
            losses.append(descend(surrogate, optimizer, protected, batch.labels, clip=self.config.clip)[0])
        return float(torch.stack(losses).mean())

    def _improve(self, surrogate: FaceClassifier, noise: Noise, train: ImageSet, rng: torch.Generator) -> float:
        """Take the sign steps of a round with the surrogate frozen in eval mode; return the mean loss over them."""
        config, model, losses = self.config, networks.frozen(surrogate), []
        order = torch.randperm(len(train), generator=rng)[: max(1, round(config.subset * len(train)))]
        for batch in train.batches(config.batch, order=order):

            def loss(images: Tensor, labels: Tensor = batch.labels) -> Tensor:
                value = torch.nn.functional.cross_entropy(model(images), labels)
                losses.append(value.detach())
                return value

            rows = self.rows(batch)
            delta = sign_steps(
                loss,
                batch.images,
                radius=config.eps,
                step=config.step,
                steps=config.steps,
                ascend=config.variant == "error_max",
                start=noise[rows],
            )
            if config.noise == "samplewise":
                noise[rows] = delta
            else:
                noise.set_means(rows, delta)
        return float(torch.stack(losses).mean())

    def _solved(self, surrogate: FaceClassifier, noise: Noise, train: ImageSet) -> bool:
        """Return whether the stop rule on the surrogate's error holds."""
        if not self.config.stop_error:
            return False
        model, wrong = networks.frozen(surrogate), torch.zeros((), dtype=torch.int64, device=train.labels.device)
        with torch.no_grad():
            for batch in train.batches(self.config.batch):
                protected = (batch.images + noise[self.rows(batch)]).clamp(0, 1)
                wrong += (model(protected).argmax(1) != batch.labels).sum()
        share = int(wrong) / len(train)
        if self.config.variant == "error_max":
            return share > 1 - self.config.stop_error
        return share < self.config.stop_error
