"""Segue's one forward pass for each image against UE's gradient steps.

The generator has random weights, and UE's surrogate has learned nothing: only the time is measured here. UE's side
takes this project's own fast gradient step and leaves out the training of its surrogate, so that the ratio is a lower
bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from benchmarks.engine import RADIUS, STEP, surrogate
from benchmarks.sets import CPU, training_set
from benchmarks.timing import Comparison, compare
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.networks import SegueGenerator, frozen
from uebench.ops import sign_steps
from uebench.plugins.base import ImageSet
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse

STEPS = 20
"""Sign steps for each image in each round of the UE authors' sample-wise command."""

ROUNDS = 10
"""Rounds that the log published with their program shows until its stop rule held (CIFAR-10)."""


def measure(quick: bool) -> list[Comparison]:
    """Compare the seconds for an image with UE's."""
    size, pairs = (32, 1) if quick else (224, 5)
    return [_against_ue(10 if quick else 60, size, pairs)]


def generator() -> Any:  # noqa: ANN401
    """Return ``segue`` as the preset ``paper`` has it, with a generator of random weights that changes each image."""
    method: Any = Registry().build("method", parse("segue(weights=none)"), "paper")
    torch.manual_seed(0)
    state = SegueGenerator(method.config.code_bits, method.config.norm).state_dict()
    state["decoder.6.weight"] *= 100  # without training, its output is less than a grey level
    return method.load(state)


def ue_steps(train: ImageSet, steps: int, batch: int = 20) -> Callable[[], torch.Tensor]:
    """Return the function that takes UE's sign steps on every image; it returns the last batch's perturbation."""
    judge = frozen(surrogate(train.size, train.batch(torch.arange(batch)).images))

    def work() -> torch.Tensor:
        for part in train.batches(batch):
            delta = sign_steps(
                lambda images, labels=part.labels: cross_entropy(judge(images), labels),  # type: ignore[misc]
                part.images,
                radius=RADIUS,
                step=STEP,
                steps=steps,
                ascend=False,
            )
        return delta

    return work


def _against_ue(count: int, size: int, pairs: int) -> Comparison:
    train = training_set(f"synthetic(identities=10, train={count // 10})", size)
    method, ctx = generator(), RunContext(CPU, 0)
    line = compare(
        f"an image of {size} px: segue against ue, {ROUNDS} rounds x {STEPS} steps",
        lambda: referee.protect(method, train, method.budget(train.size), ctx),
        ue_steps(train, 1, batch=10 if count < 20 else 20),
        pairs=pairs,
        target=1000,
        remark=f"seconds an image; ue: one step timed, times {ROUNDS * STEPS}, its surrogate's training left out; "
        "segue: once trained, random weights",
    )
    return scaled(line, 1 / count, ROUNDS * STEPS / count)


def scaled(line: Comparison, ours: float, theirs: float) -> Comparison:
    """Return a line whose seconds are multiplied, each side's by its factor."""
    factor = theirs / ours
    return replace(
        line,
        ours=line.ours * ours,
        theirs=line.theirs * theirs,
        ratio=line.ratio * factor,
        low=line.low * factor,
        high=line.high * factor,
    )
