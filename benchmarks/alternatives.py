"""A training step as it is, against other ways to compute it: below one, the other way is faster on this CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.engine import default_layout
from benchmarks.timing import Comparison, compare
from benchmarks.training import ARCHITECTURES, network
from uebench.training.optimizers import descend, make_optimizer

COMPILE = "torch.compile, once it has compiled"
COMPILED = ("resnet18",)
"""Where that is tried; it compiles the larger networks for minutes."""

Way = Callable[[], float]


def measure(quick: bool) -> list[Comparison]:
    """Compare for each architecture."""
    if quick:
        return _compare("mobilenet_v1", 32, steps=1, pairs=1)
    return [line for name in ARCHITECTURES for line in _compare(name, 64, steps=4, pairs=5)]


def _compare(name: str, size: int, steps: int, pairs: int) -> list[Comparison]:
    ours, others = ways(name, size, steps)
    return [compare(f"{name}, {steps} steps: {what}", ours, theirs, pairs=pairs) for what, theirs in others.items()]


def ways(name: str, size: int, steps: int) -> tuple[Way, dict[str, Way]]:
    """Return the training step as it is, and others from the same weights on the same batch, by what is different.

    Args:
        name: An architecture.
        size: Pixels.
        steps: Optimiser steps a call; a call returns the last one's loss.
    """
    model, options = network(name, size)
    torch.manual_seed(0)
    images = torch.rand(options.batch, 3, model.input_size, model.input_size)
    labels = torch.randint(10, (options.batch,))

    def way(other: nn.Module, *, fused: bool = True, within: Callable[[], Any] = nullcontext) -> Way:
        optimizer = make_optimizer(other.train(), options)
        for group in optimizer.param_groups:
            group["fused"] = fused

        def take() -> float:
            with within():
                losses = [descend(other, optimizer, images, labels)[0] for _ in range(steps)]
            return float(losses[-1])

        return take

    others = {
        "torch's default memory layout": way(default_layout(model)),
        "an optimiser that is not fused": way(copy.deepcopy(model), fused=False),
        "autocast to bfloat16": way(copy.deepcopy(model), within=partial(torch.autocast, "cpu", torch.bfloat16)),
        "one thread": way(copy.deepcopy(model), within=_one_thread),
    }
    if name in COMPILED:
        others[COMPILE] = way(torch.compile(copy.deepcopy(model)))  # type: ignore[arg-type]
    return way(model), others


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
