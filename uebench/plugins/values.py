"""The types that the core and plugins exchange: images, classifiers, and the context of a plugin's work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from uebench.lazy import torch
from uebench.norms import NormName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Classifier = Callable[["Tensor"], "Tensor"]
"""Images (B, 3, H, W) float32 in [0, 1] -> logits (B, K)."""


@dataclass(frozen=True, slots=True)
class Info:
    """The paper behind a plugin, and its place in listings.

    Attributes:
        title: The paper's title, or a description of the plugin.
        venue: Where it was published, or "-".
        year: The year, or 0.
        url: A page about it.
        family: For listings, such as "min-min", "generator", "control".
        ignores_seed: Whether the outputs are the same for every seed, by design.
        trains: Whether ``fit`` trains a network. Commands that choose methods themselves leave out slow ones.
        credit: For sources whose photographs may be shown: the line below them. Empty if they may not be shown.
    """

    title: str
    venue: str = "-"
    year: int = 0
    url: str = ""
    family: str = ""
    ignores_seed: bool = False
    trains: bool = True
    credit: str = ""

    @property
    def published(self) -> str:
        """Return the venue and the year, as far as they are known."""
        return " ".join(str(one) for one in ("" if self.venue == "-" else self.venue, self.year) if one)

    @property
    def given(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != one.default}


@dataclass(frozen=True, slots=True)
class Budget:
    """How far a protected image may lie from the clean one.

    Attributes:
        norm: ``linf``: largest pixel change; ``l2``: Euclidean length over all 3 H W values of an image; ``l0``: number
            of changed pixels; ``none``: no bound.
        eps: The bound: on the [0, 1] pixel scale, or a number of pixels for ``l0``. ``none`` ignores it.
    """

    norm: NormName
    eps: float


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a data set and of its images, which is known before work starts.

    Attributes:
        size: Height and width of its images in pixels.
        counts: How many images each identity has.
    """

    size: int
    counts: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        """Return K, the number of identities."""
        return len(self.counts)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some images of a set.

    Attributes:
        images: (B, 3, H, W) float32, each value k/255.
        labels: (B,) int64: the side information; the true identity unless the run says otherwise.
        index: (B,) int64: each image's row in its set.
    """

    images: Tensor
    labels: Tensor
    index: Tensor


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Labelled images on one device.

    Attributes:
        images: (N, 3, H, W) uint8.
        labels: (N,) int64 in 0..num_classes-1.
        num_classes: K, the number of identities.
        names: Identity and file name of each image, without suffix, such as ``ann/3``; empty if the images do not come
            from one file each.
    """

    images: Tensor
    labels: Tensor
    num_classes: int
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    @property
    def size(self) -> int:
        """Return H, which equals W."""
        return int(self.images.shape[-1])

    def batch(self, index: Tensor) -> Batch:
        """Return the images at the rows ``index`` (B,), as float32 in [0, 1]."""
        return Batch(self.images[index].float() / 255, self.labels[index], index)

    def batches(self, size: int, *, order: Tensor | None = None) -> Iterator[Batch]:
        """Yield batches of ``size`` images, in the given order of rows or as stored; the last may be smaller."""
        rows = torch.arange(len(self)) if order is None else order
        for index in torch.split(rows.to(self.images.device), size):
            yield self.batch(index)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a plugin saved: its tensors, the step that they belong to, and small values."""

    state: Mapping[str, Tensor]
    step: int
    values: Mapping[str, Any]


class Context(Protocol):
    """The services of the core for a plugin: device, random numbers, checkpoints, progress and the referee."""

    device: torch.device
    seed: int

    def rng(self, *stream: str | int) -> torch.Generator:
        """Return a CPU generator that depends on the seed and the stream's name only, never on what ran before."""

    def progress(self, done: int, total: int, text: str) -> None:
        """Report the progress of the work.

        Args:
            done: Units of work done, such as epochs or images.
            total: Units of work in all.
            text: The present work, in a few words.
        """

    def log(self, *, surrogate: float | None = None, objective: float | None = None, stopped: str = "") -> None:
        """Record one round (an epoch) of a method's training. Call it before saving the round's checkpoint.

        Args:
            surrogate: Mean training loss of the surrogate model; None if it did not train.
            objective: Mean value that the perturbation, or its generator, minimised; None if it was not updated.
            stopped: Name of the stop rule that ends the training with this round, if one does.
        """

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Save a checkpoint from which a killed run resumes, unless the last one is recent enough.

        Args:
            state: The tensors that the next step depends on.
            step: How many steps (epochs, rounds) are done.
            values: Small JSON values to save with them.
        """

    def restore(self) -> Checkpoint | None:
        """Return the last checkpoint, or None."""

    def stage(self, name: str) -> Context:
        """Return a context with separate checkpoints for one part of the work.

        A plugin that trains twice gives each training a stage of its own: ``ctx.stage("pretrain")``, then
        ``ctx.stage("probe")``. Seeds, progress and the referee are the same in all stages.

        Args:
            name: An identifier, unique within this context. Stages may have stages of their own.
        """

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Let the referee test the classifier on the clean test set, at the end of an attacker's epoch.

        Returns:
            The number of the test, to be added to the epoch's entry of ``Trained.curve``. The referee keeps the result
            to itself until the training is over, so no attacker can choose an epoch by it.
        """


@dataclass(frozen=True, slots=True)
class Split:
    """Images (N, 3, H, W) uint8 and labels (N,) int64 in 0..K-1, as NumPy arrays."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source: (file, label) pairs, labels 0..K-1."""

    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """An attacker's result.

    Attributes:
        classifier: The trained model.
        curve: One entry for each epoch: ``epoch``, ``loss``, ``train_correct``, and what ``ctx.examine`` returned.
        stopped: Why it stopped: ``epochs``, or the name of a stop rule.
        steps: Optimiser steps taken.
        seconds: Training time without evaluation, over all sessions.
        images: Training images seen, over all epochs.
        details: Properties of the model for the record, with JSON values. Notes below tables need ``input_size`` and
            ``upsampled_from``, in pixels, and ``stem``, if there are any.
        chosen: The epoch whose weights the classifier has, if a countermeasure chose it; None for the last.
    """

    classifier: Classifier
    curve: tuple[Mapping[str, Any], ...]
    stopped: str
    steps: int
    seconds: float
    images: int
    details: Mapping[str, Any]
    chosen: int | None = None
