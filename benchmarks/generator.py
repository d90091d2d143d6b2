"""Segue's one forward pass an image against UE's gradient steps, and what protection adds to reading and writing files.

The generator has random weights, and UE's surrogate has learned nothing: only the time is measured here. UE's side
takes this project's own fast gradient step and leaves out the training of its surrogate, so that the ratio is a lower
bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import cross_entropy

from benchmarks.engine import RADIUS, STEP, surrogate
from benchmarks.sets import CPU, training_set
from benchmarks.timing import Comparison, compare
from uebench import referee
from uebench.api import ImageSet
from uebench.context import RunContext
from uebench.data import load
from uebench.nn import SegueGenerator, frozen
from uebench.ops import sign_steps
from uebench.registry import Registry
from uebench.spec import parse

STEPS = 20
"""Sign steps an image in each round of the UE authors' sample-wise command."""

ROUNDS = 10
"""Rounds that the log published with their program shows until its stop rule held (CIFAR-10)."""


def measure(quick: bool) -> list[Comparison]:
    """Compare seconds an image with UE's, then the throughput of files with and without protection."""
    size, pairs = (32, 1) if quick else (224, 5)
    lines = [_against_ue(10 if quick else 60, size, pairs)]
    return lines + [_files(count, size, pairs) for count in ((8,) if quick else (128, 512))]


def generator() -> Any:  # noqa: ANN401
    """Return ``segue`` as the stage ``paper`` has it, with a generator of random weights."""
    method: Any = Registry().build("method", parse("segue(weights=none)"), "paper")
    torch.manual_seed(0)
    return method.load(SegueGenerator(method.config.code_bits, method.config.norm).state_dict())


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
        lambda: referee.protect(method, train, ctx),
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


def _files(count: int, size: int, pairs: int) -> Comparison:
    """Compare decode, protect, encode with decode, encode."""
    registry, method, ctx = Registry(), generator(), RunContext(CPU, 0)
    with TemporaryDirectory() as place:
        root = Path(place)
        photographs(root / "faces", count, size + size // 8)
        (root / "out").mkdir()

        def stream(protect: bool) -> None:
            dataset = load(str(root / "faces"), size, registry)
            images = dataset.train.images
            if protect:
                delta = referee.protect(method, referee.image_set(dataset.train, dataset.num_classes, CPU), ctx)
                images = referee.apply(dataset, delta).images
            for row, image in enumerate(images.transpose(0, 2, 3, 1)):
                Image.fromarray(image).save(root / "out" / f"{row}.png")

        line = compare(
            f"{count} photographs, JPEG to PNG of {size} px, segue",
            lambda: stream(True),
            lambda: stream(False),
            pairs=pairs,
        )
    rates = f"{count / line.ours:.1f} images a second, without protection {count / line.theirs:.1f}"
    return replace(line, remark=f"decode, protect, encode; the other way does not protect; {rates}")


def photographs(folder: Path, count: int, size: int) -> None:
    """Write ``count`` ORL faces to train on, and two to test on, as JPEG files of ``size`` pixels."""
    faces = training_set("orl(identities=2)", size)
    for label in (0, 1):
        mine: NDArray[np.uint8] = faces.images[faces.labels == label].permute(0, 2, 3, 1).numpy()
        for split, many in (("train", count // 2), ("test", 1)):
            home = folder / split / str(label)
            home.mkdir(parents=True)
            for number in range(many):
                Image.fromarray(mine[number % len(mine)]).save(home / f"{number}.jpg", quality=95)
