"""What the one training loop costs beyond forward, backward and step; here a ratio of one is all there is to win.

The bare loop has its images in memory as float32, already in the order of the epoch, and does nothing else: no random
draw, no accuracy, no check, no checkpoint.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.sets import CPU, training_set
from benchmarks.timing import Comparison, compare
from uebench.data.dataset import load
from uebench.evaluation import referee
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext
from uebench.networks import FaceClassifier, classifier
from uebench.ops import draw_seed
from uebench.plugins.base import Countermeasure, ImageSet, Training
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.store.store import Store
from uebench.training.loop import supervised
from uebench.training.optimizers import make_optimizer

ARCHITECTURES = ("resnet18", "resnet50", "mobilenet_v1", "inception_v3", "efficientnet_b1")
SECONDS = 3.0
"""How long one timed training should take, about."""


def measure(quick: bool) -> list[Comparison]:
    """Compare the loop with the bare one for each architecture, then with countermeasures, then with epoch ends."""
    names, pairs = ARCHITECTURES[:1] if quick else ARCHITECTURES, 1 if quick else 5
    lines = [_compare(name, None, quick, pairs) for name in names]
    lines += [_compare("resnet18", measure, quick, pairs) for measure in batch_countermeasures()]
    return [*lines, _epoch_ends(quick, pairs)]


def batch_countermeasures() -> list[Countermeasure[Any]]:
    """Return every countermeasure that acts on a batch, with its options under the preset ``desk``."""
    registry = Registry()
    built: list[Any] = [registry.build("countermeasure", Spec(name, {}), "desk") for name in _names(registry)]
    return built


def ways(
    name: str, steps: int, size: int = 64, measures: tuple[Countermeasure[Any], ...] = ()
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return two trainings of one epoch from the same weights, ours and the bare loop; each returns its mean loss.

    Args:
        name: An architecture.
        steps: Optimiser steps.
        size: Pixels.
        measures: Countermeasures that ours applies and the bare loop does not.
    """
    model, options = network(name, size)
    train = _images(steps * options.batch, size)
    other = copy.deepcopy(model)
    ctx = RunContext(CPU, 0)
    order = order_of_first_epoch(ctx, len(train))
    images, labels = train.batch(order).images, train.labels[order]

    def ours() -> float:
        return float(supervised(model, train, options, measures, ctx).curve[0]["loss"])

    return ours, lambda: bare(other, images, labels, options)


def bare(model: FaceClassifier, images: Tensor, labels: Tensor, options: Training) -> float:
    """Train one epoch on images (N, 3, H, W) float32 with labels (N,), and nothing else; return the mean loss."""
    optimizer, losses = make_optimizer(model, options), []
    model.train()
    for part, targets in zip(torch.split(images, options.batch), torch.split(labels, options.batch), strict=True):
        loss = cross_entropy(model(part), targets)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def order_of_first_epoch(ctx: RunContext, count: int) -> Tensor:
    """Return the order (N,) in which ``supervised`` goes through the set first."""
    rng = ctx.rng("epoch", 0)
    draw_seed(rng)
    return torch.randperm(count, generator=rng)


def _names(registry: Registry) -> list[str]:
    found = [entry.plugin for entry in registry.entries("countermeasure")]
    return [plugin.name for plugin in found if issubclass(plugin, Countermeasure) and plugin.place == "batch"]


def network(name: str, size: int) -> tuple[FaceClassifier, Training]:
    """Return an untrained network of ten classes, and its options at ``desk`` for one epoch at a constant rate."""
    fixed: dict[str, Any] = {"epochs": 1, "schedule": "constant", "flip": False, "crop": 0}
    attacker: Any = Registry().build("attacker", Spec(name, fixed), "desk")
    torch.manual_seed(0)
    return classifier(attacker.model, 10, size), attacker.config


def _images(count: int, size: int) -> ImageSet:
    train = training_set(f"synthetic(identities=10, train={-(-count // 10)})", size)
    return ImageSet(train.images[:count], train.labels[:count], train.num_classes)


def _compare(name: str, measure: Countermeasure[Any] | None, quick: bool, pairs: int) -> Comparison:
    measures = () if measure is None else (measure,)
    size = 32 if quick else 64
    steps = 2 if quick else _steps_in(SECONDS, name, size)
    ours, theirs = ways(name, steps, size, measures)
    what = f"{steps} training steps, {name}" + (f"+{measure.name}" if measure else "")
    remark = "the bare loop has no countermeasure" if measure else ""
    return compare(what, ours, theirs, pairs=pairs, target=0.85 if measure else 0.95, remark=remark)


def _steps_in(seconds: float, name: str, size: int) -> int:
    _, theirs = ways(name, 4, size)
    theirs()
    started = time.perf_counter()
    theirs()
    return max(2, round(4 * seconds / (time.perf_counter() - started)))


def _epoch_ends(quick: bool, pairs: int) -> Comparison:
    """Compare an epoch of a run, evaluated and saved at its end, with one that is not."""
    size, each, tests = (32, 4, 2) if quick else (64, 130, 20)
    dataset = load(f"synthetic(identities=10, train={each}, test={tests})", size, Registry())
    train = referee.image_set(dataset.train, dataset.num_classes, CPU)
    model, options = network("resnet18", size)
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))

        def whole() -> None:
            store.work.forget("epoch")
            checkpoints = Checkpoints(store.work, "epoch", "train")
            ctx = RunContext(CPU, 0, checkpoints=checkpoints, examine=referee.Examiner(dataset, CPU))
            supervised(model, train, options, (), ctx)

        line = compare(
            f"an epoch of {10 * each} images of {size} px, evaluated on {10 * tests} and saved, resnet18",
            whole,
            lambda: supervised(model, train, options, (), RunContext(CPU, 0)),
            pairs=pairs,
        )
    return replace(
        line, remark=f"the other way neither evaluates nor saves; both take {1 - line.ratio:.0%} of the epoch"
    )
