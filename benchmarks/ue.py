"""UE on ORL, from files to protected grey levels, against a textbook implementation with the same steps.

The other side follows what the UE authors' program does (Huang et al., ICLR 2021, and its published settings): a
DataLoader over files, float noise for all images, a surrogate in eval mode whose weights take no gradient during the
noise steps, and tensors in torch's default memory layout. It is spared what makes that program slow without need: noise
is added by batch, not image by image, and one iterator serves all passes, so that the loader's workers start once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms.functional import to_tensor

from benchmarks.engine import default_layout, textbook
from benchmarks.sets import CPU, training_set
from benchmarks.timing import Comparison, compare
from uebench.data.images import read_image
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext, seed_everything
from uebench.networks import classifier
from uebench.plugins.base import ImageSet, Split
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec
from uebench.training.batches import draw

SGD: dict[str, Any] = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4}
"""The UE authors' optimiser."""


def measure(quick: bool) -> list[Comparison]:
    """Compare the seconds for a whole set; say how far the noise of both agrees."""
    options = {"batch": 8, "train_steps": 2, "steps": 2} if quick else {"batch": 128, "train_steps": 10, "steps": 5}
    rounds = 1 if quick else 3
    with case("orl(identities=3)" if quick else "orl", 32 if quick else 64, workers=1 if quick else 2) as given:
        first = agreement(given, rounds=1, **options)
        last = agreement(given, rounds=rounds, **options)
        return [
            compare(
                f"UE, {rounds} rounds of {options['steps']} steps, {len(given.files)} images of {given.train.size} px",
                lambda: ours(given, rounds=rounds, **options),
                lambda: theirs(given, rounds=rounds, **options),
                pairs=1 if quick else 5,
                target=2,
                remark=f"both from PNG files to protected images; noise signs agree in {first:.2%} after the first "
                f"round and in {last:.2%} at the end: training amplifies differences of rounding",
            )
        ]


@dataclass(frozen=True)
class Case:
    """The images of a set as PNG files with their labels, and the same images in memory, to plan batches with."""

    files: tuple[Path, ...]
    train: ImageSet
    workers: int


@contextmanager
def case(text: str, size: int, workers: int) -> Iterator[Case]:
    """Write a set's training images as PNG files of ``size`` pixels into a temporary folder."""
    train = training_set(text, size)
    with TemporaryDirectory() as folder:
        files = tuple(Path(folder) / f"{row}.png" for row in range(len(train)))
        for file, image in zip(files, train.images.permute(0, 2, 3, 1).numpy(), strict=True):
            Image.fromarray(image).save(file)
        yield Case(files, train, workers)


def ours(given: Case, **options: Any) -> tuple[Tensor, NDArray[np.uint8]]:  # noqa: ANN401
    """Read the files once, fit the method, protect; return noise (N, 3, S, S) and protected images."""
    size = given.train.size
    images = np.stack([read_image(file, size) for file in given.files])
    train = referee.image_set(Split(images, given.train.labels.numpy()), given.train.num_classes, CPU)
    method: Any = _method(**options)
    ctx = RunContext(CPU, 0)
    seed_everything(ctx)
    method.fit(train, ctx)
    levels = referee.protect(method, train, method.budget(size), ctx)
    return method.state()["noise"] * (method.config.eps / 127), (images + levels).astype(np.uint8)


def theirs(given: Case, **options: Any) -> tuple[Tensor, NDArray[np.uint8]]:  # noqa: ANN401
    """Do the same as it is usually written; return the same."""
    config, train = _method(**options).config, given.train
    ctx = RunContext(CPU, 0)
    seed_everything(ctx)
    model = default_layout(classifier("resnet18", train.num_classes, train.size))
    optimizer = torch.optim.SGD(model.parameters(), config.lr, momentum=0.9, weight_decay=config.weight_decay)
    noise = torch.zeros(len(train), 3, train.size, train.size)
    plan = schedule(train, config, ctx)
    files = _Files(given.files, train.labels.tolist())
    loader = DataLoader(files, batch_sampler=list(chain.from_iterable(plan)), num_workers=given.workers)
    batches = iter(loader)
    for number in range(config.rounds):
        model.train().requires_grad_(True)
        for _ in plan[2 * number]:
            images, labels, rows = next(batches)
            loss = cross_entropy(model((images + noise[rows]).clamp(0, 1)), labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
        model.eval().requires_grad_(False)
        for _ in plan[2 * number + 1]:
            images, labels, rows = next(batches)
            noise[rows] = textbook(
                model, images, labels, radius=config.eps, step=config.step, steps=config.steps, start=noise[rows]
            )
    protected = np.empty((len(train), 3, train.size, train.size), np.uint8)
    for images, _, rows in batches:
        protected[rows] = ((images + noise[rows]).clamp(0, 1) * 255).round().to(torch.uint8)
    return noise, protected


def schedule(train: ImageSet, config: Any, ctx: RunContext) -> list[list[list[int]]]:  # noqa: ANN401
    """Return the rows of the batches that ``ue`` takes: for each round the surrogate's, then the noise's; then all."""
    plan = []
    for number in range(config.rounds):
        batches = draw(train, config.batch, ctx.rng("surrogate", number), count=config.train_steps)
        order = torch.randperm(len(train), generator=ctx.rng("subset", number))
        plan.append([batch.index.tolist() for batch in batches])
        plan.append([rows.tolist() for rows in torch.split(order, config.batch)])
    return [*plan, [rows.tolist() for rows in torch.split(torch.arange(len(train)), config.batch)]]


def agreement(given: Case, **options: Any) -> float:  # noqa: ANN401
    """Return in which share of the pixels, where the noise of neither is nearly zero, both have the same sign."""
    (mine, _), (other, _) = ours(given, **options), theirs(given, **options)
    step = _method(**options).config.eps / 127
    clear = (mine.abs() > step) & (other.abs() > step)
    return float((mine.sign() == other.sign())[clear].float().mean())


class _Files(TorchDataset[tuple[Tensor, int, int]]):
    """Images with their labels and rows, decoded whenever they are asked for."""

    def __init__(self, files: Sequence[Path], labels: Sequence[int]) -> None:
        self.files, self.labels = files, labels

    def __getitem__(self, row: int) -> tuple[Tensor, int, int]:
        with Image.open(self.files[row]) as image:
            return to_tensor(image.convert("RGB")), self.labels[row], row


def _method(**options: Any) -> Any:  # noqa: ANN401
    return Registry().build("method", Spec("ue", {**SGD, **options, "stop_error": 0.0}), "desk64")
