"""A training step as it is, against other ways to compute it: below one, the other way is faster on this CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision.transforms import Normalize

from benchmarks.timing import Comparison, compare
from benchmarks.training import ARCHITECTURES, network
from uebench.nn import FaceClassifier
from uebench.train import descend, make_optimizer

COMPILED = ("resnet18",)
"""Where torch.compile is tried; for the larger networks it compiles for minutes."""


def measure(quick: bool) -> list[Comparison]:
    """Compare for each architecture."""
    return [line for name in ARCHITECTURES[: 1 if quick else None] for line in _compare(name, quick)]


def _compare(name: str, quick: bool) -> Iterator[Comparison]:
    model, options = network(name, 32 if quick else 64)
    torch.manual_seed(0)
    images = torch.rand(options.batch, 3, model.input_size, model.input_size)
    labels = torch.randint(10, (options.batch,))
    steps = 1 if quick else 4

    def way(other: nn.Module, *, fused: bool = True, within: Callable[[], Any] = nullcontext) -> Callable[[], None]:
        optimizer = make_optimizer(other.train(), options)
        for group in optimizer.param_groups:
            group["fused"] = fused

        def take() -> None:
            with within():
                for _ in range(steps):
                    descend(other, optimizer, images, labels)

        return take

    ways = {
        "torch's default memory layout": way(_default_layout(model)),
        "an optimiser that is not fused": way(copy.deepcopy(model), fused=False),
        "autocast to bfloat16": way(copy.deepcopy(model), within=partial(torch.autocast, "cpu", torch.bfloat16)),
        "one thread": way(copy.deepcopy(model), within=_one_thread),
    }
    if name in COMPILED and not quick:
        ways["torch.compile, once it has compiled"] = way(torch.compile(copy.deepcopy(model)))  # type: ignore[arg-type]
    ours = way(model)
    for what, theirs in ways.items():
        line = f"{name}, {steps} steps of {len(labels)} images: {what}"
        yield compare(line, ours, theirs, pairs=1 if quick else 5)


def _default_layout(model: FaceClassifier) -> nn.Module:
    network = copy.deepcopy(model.network).to(memory_format=torch.contiguous_format)
    return nn.Sequential(Normalize([0.5] * 3, [0.5] * 3), network)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
