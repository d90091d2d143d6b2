"""TUE: unlearnable examples that transfer, separable by identity and easy for contrastive learners.

Jie Ren, Han Xu, Yuxuan Wan, Xingjun Ma, Lichao Sun, Jiliang Tang. Transferable Unlearnable Examples. ICLR 2023
(arXiv:2210.10114), Eqs. 4 to 6.

Deviations from the authors' code: the encoder's images are scaled to [-1, 1] unless ``inputs=raw``, and always
clamped to the pixel range; SimCLR's projector has no batch normalisation, and SimSiam's has three layers, not two, the
last without scale and shift; MoCo's batch normalisation is not split, its queue holds at most half the set, and its
passes over the noise leave out no incomplete batch. The changes of colour come in one fixed order, and a crop that
would be wider or higher than the image ends at its edge. Views are drawn for each image, theirs of the noise for a
batch (``views=batch``).

An epoch of the authors' code holds several rounds of this one, because they improve all noise each time that the
encoder has trained on ``train_steps`` batches, and at the end of the epoch: five rounds for SimCLR, four for SimSiam,
one for MoCo. Only MoCo's contrastive loss has a weight other than 0 there.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from uebench.lazy import networks, torch
from uebench.ops import Noise, contrastive_view, sign_steps
from uebench.plugins.base import Added, Batch, Context, ImageSet, Info, Radius, Shape, Stem
from uebench.plugins.presets import of_baseline, why_of_baseline
from uebench.training.batches import draw, trainable_images
from uebench.training.checkpoints import pack, unpack
from uebench.training.noise_method import NoiseMethod, NoiseOptions
from uebench.training.optimizers import make_optimizer, take_step

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import ContrastiveLearner


class Config(NoiseOptions):
    """Options of ``tue``.

    Attributes:
        variant: ``demo``: what two of the authors' three commands compute: the contrastive loss has weight 0, and the
            spread of an identity's noise has no gradient (``detached``), so only the centres are driven apart and the
            encoder has no influence. ``paper``: the joint objective of Eq. 6 (``free``).
        encoder: The contrastive learner: ``simclr``, ``simsiam`` or ``moco``.
        ssl_weight: Weight of the contrastive loss; none: 0 for ``demo``, 1 for ``paper``.
        view: Side of the contrastive views, in pixels; 0 for the size of the images.
        views: Whether crop, mirroring and colours are drawn for ``each`` image or once for a whole ``batch``.
        csd_weight: Weight of the class-wise separability discriminant (CSD, Eq. 5).
        spread: The gradient through the spread of an identity's noise: ``free``, ``detached``, or ``by_variant``.
        order: Batches in a ``new`` order in every round, or the ``same`` batches in all rounds. With the same ones,
            each batch gets patterns of its own for the identities.
        rounds: Number of rounds; in each, the encoder trains and then the noise of every image is improved.
        warmup: In so many of them, the first ones, the encoder trains and the noise stays as it is.
        encoder_every: Apart from the warm-up, the encoder trains in rounds 1, 1 + encoder_every, ... of all.
        train_steps: The encoder's batches in a round; 0 means one pass over the set.
        noise_mode: The encoder's mode in the steps of the noise: ``eval``, as the authors have it with SimCLR, or
            ``train``, as with SimSiam. An encoder of weight 0 takes no part in them.
        steps: Descending sign steps for each image in each round.
        step: Size of each step.
    """

    variant: Literal["demo", "paper"] = "demo"
    encoder: Literal["simclr", "simsiam", "moco"] = "simclr"
    ssl_weight: float | None = Field(None, ge=0)
    view: Annotated[int, Field(ge=0), Added()] = 0
    views: Annotated[Literal["each", "batch"], Added()] = "each"
    csd_weight: float = Field(0.1, ge=0)
    spread: Annotated[Literal["by_variant", "free", "detached"], Added()] = "by_variant"
    order: Annotated[Literal["new", "same"], Added()] = "new"
    rounds: int = Field(40, ge=1)
    warmup: Annotated[int, Field(ge=0), Added()] = 0
    encoder_every: Annotated[int, Field(ge=1), Added()] = 1
    noise_mode: Annotated[Literal["eval", "train"], Added()] = "eval"
    train_steps: int = Field(20, ge=0)
    steps: int = Field(20, ge=1)
    step: Radius = 0.8 / 255
    start: Literal["zero", "uniform"] = "uniform"
    stem: Stem = "small"
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-6, ge=0)
    batch: int = Field(512, ge=4)

    @property
    def contrastive(self) -> float:
        """Return the weight of the contrastive loss."""
        return float(self.variant == "paper") if self.ssl_weight is None else self.ssl_weight

    @property
    def detaches(self) -> bool:
        """Return whether the spread of an identity's noise has no gradient."""
        return self.spread == "detached" or (self.spread == "by_variant" and self.variant == "demo")

    def trains(self, number: int) -> bool:
        """Return whether the encoder trains in round ``number``, counted from 0."""
        return number < self.warmup or number % self.encoder_every == 0


SEGUE_PAPER = {
    "variant": "paper", "encoder": "simsiam", "rounds": 40, "warmup": 2, "encoder_every": 5, "train_steps": 0,
    "noise_mode": "train", "steps": 5, "optimizer": "sgd", "lr": 0.06, "weight_decay": 5e-4, "batch": 128,
    "inputs": "raw", "view": 32,
}  # fmt: skip


class Tue(NoiseMethod[Config]):
    """Noise that separates the identities and is easy for a contrastive learner."""

    name = "tue"
    version = 2
    info = Info(
        title="Transferable Unlearnable Examples",
        venue="ICLR",
        year=2023,
        url="https://arxiv.org/abs/2210.10114",
        family="min-min",
    )
    Config = Config
    presets: ClassVar = of_baseline(
        {"rounds": 200, "inputs": "raw"},
        SEGUE_PAPER,
        official_simsiam={
            "encoder": "simsiam", "rounds": 200, "train_steps": 25, "noise_mode": "train", "optimizer": "sgd",
            "lr": 0.06, "weight_decay": 5e-4, "inputs": "raw",
        },
        official_moco={
            "encoder": "moco", "ssl_weight": 1, "csd_weight": 1, "rounds": 200, "train_steps": 0, "steps": 5,
            "start": "zero", "optimizer": "sgd", "lr": 0.3, "weight_decay": 1e-4, "inputs": "raw",
        },
        segue_code=SEGUE_PAPER | {"views": "batch", "spread": "detached", "order": "same"},
        desk={"stem": "imagenet", "precision": "bfloat16"},
        desk64={"batch": 128, "stem": "imagenet"},
        smoke={"batch": 16, "rounds": 2, "train_steps": 1, "steps": 1, "stem": "imagenet"},
    )  # fmt: skip
    why: ClassVar = why_of_baseline(
        official="the authors' SimCLR command, whose contrastive loss has weight 0; each of its 40 epochs is 5 rounds",
        official_simsiam="the authors' SimSiam command; its contrastive loss has weight 0 too, and each of its 50 "
        "epochs is 4 rounds",
        official_moco="the authors' MoCo command, the only one whose contrastive loss has an effect on the noise",
        segue_paper="the Segue authors' own baseline: SimSiam on views of 32 pixels, both losses, 5 steps for each "
        "image in passes 3 to 40, and an encoder that trains in passes 1, 2, 6, 11 and so on to 36",
        segue_code="segue_paper with what only their code has: the same batches in all passes, views that a batch "
        "shares, and no gradient through the spread",
        desk="official, with a fifth of the rounds and the usual stem; its batch is the best of three trials on "
        "held-out photographs; see docs/evidence.md",
        desk64="the same with a batch of 128, in float32",
    )

    earlier: ClassVar = {
        "f03d161e0e026104779c701fbf69226516f1029a58da4bc4db8011d286fef876": "views always had the size of the images",
        "d17196dc9d1fbf9fc3226d3cba12ec414d444425de41d6fa3f8af74dde0ea324": "there were no warm-up and no noise_mode",
        "fff1dfa8a2a1186bd61ced007039c52e35bf41f633afbb016cd0d3f60fccd0bc": "there were no spread, order and views",
        "006cbd02df80d44418f3e158a459d2209bd5bb0bdfc66bf3b940dc3b5a183c8e": "there was no moco",
    }

    def obstacle(self, shape: Shape) -> str | None:
        """Return why the noise is never improved, or what ``NoiseMethod`` says."""
        if self.config.warmup >= self.config.rounds:
            return f"warmup={self.config.warmup} leaves no round of {self.config.rounds} for the noise; lower warmup"
        return super().obstacle(shape)

    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Train the encoder and improve the noise in turns; an encoder of weight 0 has no effect and is not built."""
        config, first, encoder, learner = self.config, 0, None, None
        if config.contrastive:
            options = config.model_dump(include={"stem", "precision", "inputs"})
            queue = max(1, min(4096, len(train) // 2))
            encoder = networks.contrastive(config.encoder, config.view or train.size, queue=queue, **options)
            encoder = encoder.to(ctx.device)
            learner = encoder, make_optimizer(encoder, config)
        if saved := ctx.restore():
            if learner:
                unpack(saved.state, *learner)
            noise.steps.copy_(saved.state["noise"])
            first = saved.step
        for number in range(first, config.rounds):
            learned = loss = None
            if learner and config.trains(number):
                learned = self._train_encoder(*learner, noise, train, *self._rngs(ctx, "encoder", number))
            if number >= config.warmup:
                loss = self._improve(encoder, noise, train, *self._rngs(ctx, "noise", number))
            ctx.log(surrogate=learned, objective=loss)
            ctx.save((pack(*learner) if learner else {}) | {"noise": noise.steps}, number + 1)
            ctx.progress(number + 1, config.rounds, "fitting tue" if loss is None else f"fitting tue, loss {loss:.3f}")

    def _train_encoder(
        self,
        encoder: ContrastiveLearner,
        optimizer: torch.optim.Optimizer,
        noise: Noise,
        train: ImageSet,
        rng: torch.Generator,
        order: torch.Generator,
    ) -> float:
        """Train the encoder on protected images; return its mean loss."""
        encoder.train()
        losses = []
        for batch in draw(train, self.config.batch, order, count=self.config.train_steps):
            protected = (batch.images + noise[batch.index]).clamp(0, 1)
            loss = encoder(self._view(protected, rng), self._view(protected, rng))
            losses.append(take_step(optimizer, loss))
        return float(torch.stack(losses).mean())

    def _improve(
        self,
        encoder: ContrastiveLearner | None,
        noise: Noise,
        train: ImageSet,
        rng: torch.Generator,
        order: torch.Generator,
    ) -> float:
        """Take the sign steps of a round; return the mean objective over the steps."""
        config, losses = self.config, []
        with networks.trainable(encoder, False) if encoder else nullcontext():
            rows = torch.randperm(len(train), generator=order)
            if encoder and config.noise_mode == "train":
                encoder.train()
                rows = rows[: trainable_images(len(train), config.batch)]
            for batch in train.batches(config.batch, order=rows):

                def objective(images: Tensor, batch: Batch = batch) -> Tensor:
                    value = config.csd_weight * separability(
                        images - batch.images, batch.labels, detach_spread=config.detaches
                    )
                    if encoder:
                        views = self._view(images, rng), self._view(images, rng)
                        value = value + config.contrastive * encoder(*views, key_gradient=True)
                    losses.append(value.detach())
                    return value

                noise[batch.index] = sign_steps(
                    objective,
                    batch.images,
                    radius=config.eps,
                    step=config.step,
                    steps=config.steps,
                    ascend=False,
                    start=noise[batch.index],
                )
        return float(torch.stack(losses).mean()) if losses else math.nan

    def _rngs(self, ctx: Context, part: str, number: int) -> tuple[torch.Generator, torch.Generator]:
        """Return the generator of a round's views, and that of its batches: one and the same for a new order."""
        rng = ctx.rng(part, number)
        return rng, ctx.rng("order") if self.config.order == "same" else rng

    def _view(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return contrastive_view(images, rng, size=self.config.view, shared=self.config.views == "batch")


def separability(delta: Tensor, labels: Tensor, *, detach_spread: bool = False) -> Tensor:
    """Return the class-wise separability discriminant (Eq. 5): small for tight clusters of noise that lie far apart.

    The mean over pairs of identities (i, j) of (s_i + s_j) / ||c_i - c_j||, where c_i is the centre of identity i's
    noise and s_i the mean distance from it; 0 for fewer than two identities.

    Args:
        delta: (B, 3, H, W).
        labels: (B,) int64.
        detach_spread: Let no gradient through s_i, as the authors' code does.
    """
    flat = delta.flatten(1)
    present, place, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    if len(present) < 2:
        return flat.sum() * 0
    zeros = torch.zeros(len(present), flat.shape[1], device=flat.device)
    centres = zeros.index_add(0, place, flat) / counts[:, None]
    distances = (flat - centres[place]).pow(2).sum(1).clamp_min(1e-20).sqrt()
    spread = torch.zeros(len(present), device=flat.device).index_add(0, place, distances) / counts
    if detach_spread:
        spread = spread.detach()
    first, second = torch.triu_indices(len(present), len(present), 1, device=flat.device)
    products = centres @ centres.T  # ||c_i - c_j||^2 from these: the differences of all pairs need K times the memory
    squares = products.diagonal()
    apart = (squares[first] + squares[second] - 2 * products[first, second]).clamp_min(1e-20).sqrt()
    ratio: Tensor = (spread[first] + spread[second] + 1e-5) / (apart + 1e-5)
    return ratio.mean()
