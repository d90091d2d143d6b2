"""Attackers that first learn from the published images without their labels, and then train a linear probe.

They share views (``uebench.ops.contrastive_view``), optimiser, schedule and probe, so that they differ only in the
objective of the encoder.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import Field

from uebench.errors import CellError
from uebench.lazy import networks, torch
from uebench.ops import contrastive_view, seed_torch
from uebench.plugins.base import (
    Attacker,
    Context,
    Countermeasure,
    ImageSet,
    Inputs,
    Optimization,
    Stem,
    Trained,
    Training,
)
from uebench.plugins.timm_names import ModelName
from uebench.training.batches import draw
from uebench.training.checkpoints import pack, unpack
from uebench.training.loop import supervised
from uebench.training.optimizers import learning_rate, make_optimizer, set_rate, take_step

if TYPE_CHECKING:
    from uebench.networks import ContrastiveLearner, FaceClassifier


class ContrastiveOptions(Optimization):
    """Options of all of them. The optimiser options apply to both trainings, each with a cosine schedule.

    Attributes:
        model: The encoder: name of a timm model.
        stem: A ResNet's first layers: ``imagenet``: 7x7 stride 2 and max-pooling; ``small``: 3x3 stride 1 without
            pooling, for small images; ``by_size``: ``small`` up to 112 pixels.
        inputs: How images are normalised: to [-1, 1] (``scaled``), [0, 1] (``raw``) or [-0.5, 0.5] (``centred``).
        epochs: Passes over the set without labels.
        batch: Images per step.
        probe_epochs: Passes of the linear probe over the set with labels.
        probe_lr: The probe's initial learning rate.
    """

    model: ModelName = "resnet18"
    stem: Stem = "imagenet"
    inputs: Inputs = "scaled"
    weight_decay: float = Field(1e-6, ge=0)
    batch: int = Field(128, ge=2)
    epochs: int = Field(100, ge=1)
    probe_epochs: int = Field(50, ge=1)
    probe_lr: float = Field(1e-2, gt=0)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"batch": 16, "probe_epochs": 2},
    "desk": {"epochs": 100, "batch": 128, "weight_decay": 1e-6},
    "desk64": {"epochs": 100},
    "paper": {"epochs": 200, "batch": 128, "weight_decay": 1e-6, "stem": "by_size"},
}
WHY: Mapping[str, str] = {
    "desk": "contrastive learning needs more passes than the 20 of other attackers, larger batches, and little decay",
    "desk64": "as many passes, in batches of 16 and without decay, as desk had them in version 0.1",
    "paper": "more passes again, and batches of 128; the first layers depend on the size, as in other ResNets, and "
    "images are normalised to [0, 1]",
}

T = TypeVar("T", bound=ContrastiveOptions)


class ContrastiveAttacker(Attacker[T]):
    """Contrastive pretraining on the protected images, then a linear probe on the frozen features."""

    follows_preset = True
    presets: ClassVar = PRESETS
    why: ClassVar = WHY

    @abstractmethod
    def learner(self, encoder: FaceClassifier, width: int, train: ImageSet) -> ContrastiveLearner:
        """Return the learner that trains the encoder.

        Args:
            encoder: The untrained encoder: images -> features.
            width: Number of features.
            train: The training set.
        """

    @property
    def epochs(self) -> int:
        """Return the passes of the encoder and of the probe."""
        return self.config.epochs + self.config.probe_epochs

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train the encoder, then the head alone."""
        config = self.config
        options = config.model_dump(include={"stem", "precision", "inputs"})
        encoder, width = networks.backbone(train.size, model=config.model, **options)
        learner = self.learner(encoder, width, train)
        model = networks.classifier(config.model, train.num_classes, train.size, **options)
        pretraining, probing = ctx.stage("pretrain"), ctx.stage("probe")
        seconds = 0.0
        if not probing.restore():  # else the probe has begun, and its checkpoint holds the encoder
            seconds = self._pretrain(learner.to(ctx.device), train, pretraining)
        networks.adopt(model.network, learner.encoder.get_submodule("network").state_dict(), self.name)
        model.freeze("linear")
        probe = self._training(epochs=config.probe_epochs, lr=config.probe_lr)
        trained = supervised(model, train, probe, (), probing, seconds=seconds)
        return replace(
            trained,
            steps=trained.steps + config.epochs * self.batches(train),
            images=trained.images + config.epochs * len(train),
        )

    def batches(self, train: ImageSet) -> int:
        """Return the steps of a pass without labels, which leaves out the last incomplete batch."""
        return len(train) // min(self.config.batch, len(train))

    def _training(self, **changed: Any) -> Training:  # noqa: ANN401
        options = self.config.model_dump(include=set(Training.model_fields))
        return Training(**options | changed)

    def _pretrain(self, learner: ContrastiveLearner, train: ImageSet, ctx: Context) -> float:
        """Train ``learner`` in place; return the seconds that it took."""
        options = self._training()
        optimizer = make_optimizer(learner, options)
        seconds, first = 0.0, 0
        if saved := ctx.restore():
            unpack(saved.state, learner, optimizer)
            seconds, first = saved.values["seconds"], saved.step
        learner.train()
        for epoch in range(first, options.epochs):
            started = time.perf_counter()
            loss = self._epoch(learner, optimizer, options, train, ctx, epoch)
            seconds += time.perf_counter() - started
            if not math.isfinite(loss):
                raise CellError(f"pretraining diverged in epoch {epoch + 1} (loss {loss}); lower lr={options.lr:g}")
            ctx.save(pack(learner, optimizer), epoch + 1, seconds=seconds)
            ctx.progress(epoch + 1, options.epochs, f"learning without labels, loss {loss:.3f}")
        return seconds

    def _epoch(
        self,
        learner: ContrastiveLearner,
        optimizer: torch.optim.Optimizer,
        options: Training,
        train: ImageSet,
        ctx: Context,
        epoch: int,
    ) -> float:
        """Return the mean loss of one pass."""
        rng = ctx.rng(self.name, epoch)
        seed_torch(rng)
        losses, batches = [], self.batches(train)
        for number, batch in enumerate(draw(train, options.batch, rng)):
            set_rate(optimizer, learning_rate(options, epoch * batches + number, batches))
            loss = learner(contrastive_view(batch.images, rng), contrastive_view(batch.images, rng))
            losses.append(take_step(optimizer, loss))
        return float(torch.stack(losses).mean())
