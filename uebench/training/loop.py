"""The one supervised loop: every attacker that trains a network trains it here."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uebench.errors import CellError
from uebench.lazy import torch
from uebench.metrics import count_correct
from uebench.ops import flip_crop
from uebench.plugins.base import Batch, Context, Countermeasure, ImageSet, Trained, Training
from uebench.training.checkpoints import pack, unpack
from uebench.training.optimizers import descend, learning_rate, make_optimizer

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
    """Train ``model`` with cross-entropy until a stop rule holds, saving itself at each epoch's end.

    Every random draw of an epoch comes from the seed and the epoch's number, so a run that was killed and goes on from
    its last epoch ends with the same weights.

    Args:
        model: The network to train.
        train: The set, protected or not.
        options: Optimiser, schedule and stop rules.
        countermeasures: What the attacker adds, in order.
        ctx: Seeds, checkpoints, and the referee who counts after each epoch.
        seconds: What an earlier stage of the attacker took.

    Raises:
        CellError: If the loss is no longer a number.
    """
    train, choice = _hold_back(train, countermeasures, ctx)
    model.to(ctx.device)
    optimizer = make_optimizer(model, options)
    batches = math.ceil(len(train) / options.batch)
    curve: list[dict[str, Any]] = []
    stopped, first = "epochs", 0
    if (saved := ctx.restore()) and "curve" in saved.values:  # else an earlier stage's
        unpack(saved.state, model, optimizer)
        first, curve = saved.step, list(saved.values["curve"])
        seconds, stopped = saved.values["seconds"], saved.values["stopped"]
        if choice:
            choice.unpack(saved.state, saved.values["choice"])
    for epoch in range(first, options.epochs):
        if stopped != "epochs":
            break
        started = time.perf_counter()
        loss, correct = _epoch(model, train, options, countermeasures, ctx, optimizer, epoch, batches)
        model.eval()
        if choice:
            choice.see(model, epoch + 1)
        seconds += time.perf_counter() - started
        if not math.isfinite(loss):
            raise CellError(f"training diverged in epoch {epoch + 1} (loss {loss}); lower lr={options.lr:g}")
        curve.append({"epoch": epoch + 1, "loss": loss, "train_correct": correct, **ctx.examine(model)})
        if loss < options.stop_loss:
            stopped = f"loss below {options.stop_loss:g}"
        elif choice and choice.is_over(epoch + 1):
            stopped = f"{choice.patience} epochs without improvement"
        state, values = pack(model, optimizer), {"curve": curve, "seconds": seconds, "stopped": stopped}
        if choice:
            state, values = state | choice.pack(), values | {"choice": [choice.epoch, choice.correct]}
        ctx.save(state, epoch + 1, **values)
        ctx.progress(epoch + 1, options.epochs, f"training, loss {loss:.3f}")
    if choice:
        model.load_state_dict(choice.weights)
    return Trained(
        classifier=model.eval(),
        curve=tuple(curve),
        stopped=stopped,
        steps=len(curve) * batches,
        seconds=seconds,
        images=len(curve) * len(train),
        details=model.details,
        chosen=choice.epoch if choice else None,
    )


def on_set(train: ImageSet, countermeasures: Sequence[Countermeasure[Any]], ctx: Context) -> ImageSet:
    """Return the set as the countermeasures that act on it leave it.

    Raises:
        CellError: If one of them returns something other than images of the same shape.
    """
    for number, measure in enumerate(countermeasures):
        images = measure.on_set(train, ctx.rng("set", number))
        if images.shape != train.images.shape or images.dtype != torch.uint8:
            got = f"{tuple(images.shape)} {images.dtype}"
            raise CellError(f"countermeasure {measure.name!r}: on_set returned {got}; return uint8 of the same shape")
        train = ImageSet(images, train.labels, train.num_classes)
    return train


def _hold_back(
    train: ImageSet, countermeasures: Sequence[Countermeasure[Any]], ctx: Context
) -> tuple[ImageSet, _Choice | None]:
    """Return the set to train on, and what chooses the epoch, if anything does."""
    chooser = next((measure for measure in countermeasures if measure.place == "epoch"), None)
    if chooser is None:
        return train, None
    held, patience = chooser.on_epoch(train.labels, ctx.rng("epoch"))
    if not held.any() or held.all():
        raise CellError(f"countermeasure {chooser.name!r}: holds back {int(held.sum())} of {len(train)} images")
    return _rows(train, ~held), _Choice(_rows(train, held), patience)


def _rows(images: ImageSet, mask: Tensor) -> ImageSet:
    return ImageSet(images.images[mask], images.labels[mask], images.num_classes)


@dataclass
class _Choice:
    """The weights that did best so far on images held back from training."""

    validation: ImageSet
    patience: int
    epoch: int = 0
    correct: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, model: FaceClassifier, epoch: int) -> None:
        """Measure an epoch's model and keep its weights if it is better than all before."""
        correct = int(count_correct(model, self.validation).sum())
        if correct > self.correct:
            self.epoch, self.correct = epoch, correct
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def is_over(self, epoch: int) -> bool:
        """Return whether there has been no improvement for too long."""
        return 0 < self.patience <= epoch - self.epoch

    def pack(self) -> dict[str, Tensor]:
        """Return the weights under flat names, for a checkpoint."""
        return {f"best.{name}": tensor for name, tensor in self.weights.items()}

    def unpack(self, tensors: Mapping[str, Tensor], facts: Sequence[int]) -> None:
        """Put back what ``pack`` took."""
        self.epoch, self.correct = facts
        self.weights = {name.removeprefix("best."): t for name, t in tensors.items() if name.startswith("best.")}


def _epoch(
    model: FaceClassifier,
    train: ImageSet,
    options: Training,
    countermeasures: Sequence[Countermeasure[Any]],
    ctx: Context,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    batches: int,
) -> tuple[float, int]:
    """Train one epoch; return its mean loss and how many images were classified correctly on the way."""
    model.train()
    rng = ctx.rng("epoch", epoch)
    torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))  # dropout and stochastic depth draw from it
    order = torch.randperm(len(train), generator=rng)
    total = torch.zeros((), device=ctx.device)
    correct = torch.zeros((), dtype=torch.int64, device=ctx.device)
    one_hot = torch.eye(train.num_classes, device=ctx.device)
    for number, batch in enumerate(train.batches(options.batch, order=order)):
        if len(batch.labels) < 2:  # batch normalisation cannot train on a single image
            continue
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options, epoch * batches + number, batches)
        images = flip_crop(batch.images, rng, flip=options.flip, crop=options.crop)
        targets = one_hot[batch.labels]
        for measure in countermeasures:
            images, targets = measure.on_batch(images, targets, rng)
        for measure in countermeasures:
            images = measure.on_step(images, targets, model, rng)
        loss, logits = descend(model, optimizer, images, targets)
        total += loss * len(batch.labels)
        correct += (logits.argmax(1) == targets.argmax(1)).sum()
    return float(total) / len(train), int(correct)


def draw(train: ImageSet, size: int, rng: torch.Generator, *, count: int = 0) -> Iterator[Batch]:
    """Yield full batches in random order.

    Args:
        train: Where from.
        size: Images a batch; all of a smaller set.
        rng: A CPU generator.
        count: How many batches, going through the set again as needed; 0: one pass, without what is left over.
    """
    size = min(size, len(train))
    wanted = size * (count or len(train) // size)
    passes = math.ceil(wanted / len(train))
    order = torch.cat([torch.randperm(len(train), generator=rng) for _ in range(passes)])
    return train.batches(size, order=order[:wanted])
