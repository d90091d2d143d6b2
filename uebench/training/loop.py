"""The one supervised loop: every attacker that trains a network trains it here."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError
from uebench.lazy import torch
from uebench.norms import TOLERANCE
from uebench.ops import flip_crop, seed_torch
from uebench.plugins.base import Context, Countermeasure, ImageSet, Trained, Training
from uebench.training.batches import trainable_images
from uebench.training.checkpoints import pack, unpack
from uebench.training.epoch_choice import EpochChoice, hold_back
from uebench.training.optimizers import descend, learning_rate, make_optimizer, set_rate

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


def supervised(
    model: FaceClassifier,
    train: ImageSet,
    options: Training,
    countermeasures: Sequence[Countermeasure[Any]],
    ctx: Context,
    *,
    seconds: float = 0.0,
) -> Trained:
    """Train ``model`` with cross-entropy until a stop rule holds, with a checkpoint at the end of each epoch.

    Every random draw of an epoch depends only on the seed and the epoch's number, so a killed run that resumes ends
    with the same weights. A last batch of a single image is left out.

    Args:
        model: The network to train.
        train: The set, protected or not.
        options: Optimiser, schedule and stop rules.
        countermeasures: Those on batches, on steps and on the choice of the epoch, in order.
        ctx: Seeds, checkpoints, and the referee, which counts correct answers after each epoch. If an attacker has
            several trainings that save checkpoints, it gives each a stage: ``ctx.stage("probe")``.
        seconds: Time that an earlier training of the attacker took.

    Raises:
        CellError: If the loss is not finite, there are fewer than two images, the checkpoint is of another training, or
            two countermeasures replace the gradient.
    """
    train, choice = hold_back(train, countermeasures, ctx)
    if len(train) < 2:
        raise CellError(f"{len(train)} training images; training needs at least 2")
    run = _Run(model.to(ctx.device), train, options, countermeasures, ctx, choice, seconds)
    run.restore()
    while run.stopped == "epochs" and len(run.curve) < options.epochs:
        epoch = len(run.curve)
        started = time.perf_counter()
        loss, correct = run.train_epoch(epoch)
        model.eval()
        if choice:
            choice.see(model, epoch + 1)
        run.seconds += time.perf_counter() - started
        if not math.isfinite(loss):
            raise CellError(f"training diverged in epoch {epoch + 1} (loss {loss}); lower lr={options.lr:g}")
        run.curve.append({"epoch": epoch + 1, "loss": loss, "train_correct": correct, **ctx.examine(model)})
        if loss < options.stop_loss:
            run.stopped = f"loss below {options.stop_loss:g}"
        elif choice and choice.is_over(epoch + 1):
            run.stopped = f"{choice.patience} epochs without improvement"
        run.save()
        ctx.progress(epoch + 1, options.epochs, f"training, loss {loss:.3f}")
    return run.result()


def on_set(train: ImageSet, countermeasures: Sequence[Countermeasure[Any]], ctx: Context) -> ImageSet:
    """Return the set after all countermeasures that act on it.

    Args:
        train: The set, protected or not.
        countermeasures: The whole chain; the random stream of each depends on its position.
        ctx: Seeds.

    Raises:
        CellError: If one of them returns something other than images of the same shape.
    """
    for number, measure in enumerate(countermeasures):
        images = measure.on_set(replace(train, labels=train.labels.clone()), ctx.rng("set", number))
        if not isinstance(images, torch.Tensor):
            raise CellError(f"countermeasure {measure.name!r}: on_set returned {images!r:.40}; return the images")
        if images.shape != train.images.shape or images.dtype != torch.uint8:
            got = f"{tuple(images.shape)} {images.dtype}"
            raise CellError(f"countermeasure {measure.name!r}: on_set returned {got}; return uint8 of the same shape")
        train = ImageSet(images, train.labels, train.num_classes)
    return train


class _Run:
    """The state of a training."""

    def __init__(
        self,
        model: FaceClassifier,
        train: ImageSet,
        options: Training,
        countermeasures: Sequence[Countermeasure[Any]],
        ctx: Context,
        choice: EpochChoice | None,
        seconds: float,
    ) -> None:
        self.model, self.train, self.options, self.countermeasures = model, train, options, countermeasures
        self.ctx, self.choice, self.seconds = ctx, choice, seconds
        self.curve: list[dict[str, Any]] = []
        self.stopped = "epochs"
        self.optimizer = make_optimizer(model, options)
        self.images = trainable_images(len(train), options.batch)
        self.steps = math.ceil(self.images / options.batch)  # per epoch, like images
        shapers = [measure for measure in countermeasures if measure.replaces_gradient()]
        if len(shapers) > 1:
            names = " and ".join(repr(shaper.name) for shaper in shapers)
            raise CellError(f"countermeasures {names} both replace the gradient; leave out one")
        self.shaper = shapers[0] if shapers else None

    def restore(self) -> None:
        """Resume from the last checkpoint, if there is one."""
        saved = self.ctx.restore()
        if saved is None:
            return
        if "curve" not in saved.values:
            raise CellError(
                "the checkpoint belongs to another training; give each training its own stage: ctx.stage('pretrain')"
            )
        unpack(saved.state, self.model, self.optimizer)
        self.curve, self.seconds = list(saved.values["curve"]), saved.values["seconds"]
        self.stopped = saved.values["stopped"]
        if self.choice:
            self.choice.unpack(saved.state, saved.values["choice"])

    def save(self) -> None:
        """Save a checkpoint, if one is due."""
        state = pack(self.model, self.optimizer)
        values = {"curve": self.curve, "seconds": self.seconds, "stopped": self.stopped}
        if self.choice:
            state, values = state | self.choice.pack(), values | {"choice": [self.choice.epoch, self.choice.correct]}
        self.ctx.save(state, len(self.curve), **values)

    def train_epoch(self, epoch: int) -> tuple[float, int]:
        """Train one epoch; return its mean loss and how many images were classified correctly on the way."""
        self.model.train()
        rng, device = self.ctx.rng("epoch", epoch), self.ctx.device
        seed_torch(rng)
        order = torch.randperm(len(self.train), generator=rng)[: self.images]
        total = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        one_hot = torch.eye(self.train.num_classes, device=device)
        for number, batch in enumerate(self.train.batches(self.options.batch, order=order)):
            set_rate(self.optimizer, learning_rate(self.options, epoch * self.steps + number, self.steps))
            images, targets = self._prepared(batch.images, one_hot[batch.labels], rng, check=not number)
            loss, logits = self._step(images, targets, rng)
            total += loss * len(batch.labels)
            correct += (logits.argmax(1) == targets.argmax(1)).sum()
        return float(total) / self.images, int(correct)

    def _prepared(self, images: Tensor, targets: Tensor, rng: torch.Generator, *, check: bool) -> tuple[Tensor, Tensor]:
        """Return a batch as the model trains on it: augmented, and changed by countermeasures.

        Args:
            images: (B, 3, S, S) in [0, 1].
            targets: (B, K).
            rng: A CPU generator.
            check: Check what each countermeasure returns; once in an epoch, because a GPU waits for it.
        """
        images = flip_crop(images, rng, flip=self.options.flip, crop=self.options.crop)
        for measure in self.countermeasures:
            made = measure.on_batch(images, targets, rng)
            if check:
                _check(measure, images, *(made if isinstance(made, tuple) and len(made) == 2 else (made, targets)))
            images, targets = made
        for measure in self.countermeasures:
            changed = measure.on_step(images, targets, self.model, rng)
            if check:
                _check(measure, images, changed, targets)
            images = changed
        return images, targets

    def _step(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Take an optimiser step; return the loss and the logits before it."""
        if self.shaper is None:
            return descend(self.model, self.optimizer, images, targets)
        loss, logits = self.shaper.gradient(images, targets, self.model, rng)
        self.optimizer.step()
        return loss, logits

    def result(self) -> Trained:
        """Return the trained model, of the chosen epoch if a countermeasure chooses it, else of the last."""
        if self.choice:
            self.model.load_state_dict(self.choice.weights)
        epochs = len(self.curve)
        return Trained(
            classifier=self.model.eval(),
            curve=tuple(self.curve),
            stopped=self.stopped,
            steps=epochs * self.steps,
            seconds=self.seconds,
            images=epochs * self.images,
            details=self.model.details,
            chosen=self.choice.epoch if self.choice else None,
        )


def _check(measure: Countermeasure[Any], given: Tensor, images: object, targets: object) -> None:
    """Check what a countermeasure made of a batch.

    Raises:
        CellError: If it is not a batch of as many images and targets, with pixels in [0, 1].
    """
    name = f"countermeasure {measure.name!r}"
    if not isinstance(images, torch.Tensor) or not isinstance(targets, torch.Tensor):
        wrong = images if not isinstance(images, torch.Tensor) else targets
        raise CellError(f"{name}: returned {type(wrong).__name__}; on_batch returns images and targets, on_step images")
    if images.shape != given.shape or len(targets) != len(given):
        got = f"{tuple(images.shape)} and {len(targets)} targets"
        raise CellError(f"{name}: made {got} of a batch {tuple(given.shape)}; keep its shape")
    low, high = (float(end) for end in images.detach().aminmax())
    if not -TOLERANCE <= low <= high <= 1 + TOLERANCE:
        raise CellError(f"{name}: made pixels in [{low:.3g}, {high:.3g}]; keep them in [0, 1]")
