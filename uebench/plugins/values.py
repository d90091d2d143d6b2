"""What passes between the core and plugins: images in, classifiers out, and the context that the core lends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    """Where a plugin comes from.

    Attributes:
        title: The paper's title, or what the plugin is.
        venue: Where it was published, or "-".
        year: The year, or 0.
        url: A page about it.
        family: For listings, such as "min-min", "generator", "control".
        ignores_seed: Whether the outputs are the same for every seed, by design.
    """

    title: str
    venue: str = "-"
    year: int = 0
    url: str = ""
    family: str = ""
    ignores_seed: bool = False


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
    """What is known of a set to protect before work starts.

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
        names: Identity and name of the file that each image was read from, such as ``ann/3``, without its suffix; empty
            where the images are not from a file each.
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
        """Yield batches of ``size`` images, in the given order of rows or as they stand; the last may be smaller."""
        rows = torch.arange(len(self)) if order is None else order
        for index in torch.split(rows.to(self.images.device), size):
            yield self.batch(index)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a plugin saved: its tensors, the step they belong to, and small values beside them."""

    state: Mapping[str, Tensor]
    step: int
    values: Mapping[str, Any]


class Context(Protocol):
    """What the referee lends a plugin while it works."""

    device: torch.device
    seed: int

    def rng(self, *stream: str | int) -> torch.Generator:
        """Return a CPU generator that depends on the seed and the stream's name only, never on what ran before."""

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far the work is.

        Args:
            done: Of ``total``, in whatever unit: epochs, images.
            total: All there is to do.
            text: What is being done, in a few words.
        """

    def log(self, *, surrogate: float | None = None, objective: float | None = None, stopped: str = "") -> None:
        """Report a round (an epoch) of a method's training for the record, before the round's checkpoint is saved.

        Args:
            surrogate: Mean loss that the surrogate model trained with; None if it did not train.
            objective: Mean value that the perturbation, or its generator, lowered; None if it was not improved.
            stopped: The stop rule that ends the training with this round, if one does.
        """

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep a checkpoint from which a killed run resumes; does nothing if the last one is recent enough.

        Args:
            state: The tensors that the next step depends on.
            step: How many steps (epochs, rounds) are done.
            values: Small values to keep beside them, as JSON can hold them.
        """

    def restore(self) -> Checkpoint | None:
        """Return what was last saved, or None."""

    def stage(self, name: str) -> Context:
        """Return a context whose checkpoints are those of one named part of the work.

        A plugin that trains twice gives each training a stage of its own: ``ctx.stage("pretrain")``, then
        ``ctx.stage("probe")``. Seeds, progress and the referee are the same in all stages.

        Args:
            name: An identifier. Names are looked up below this context, so stages may have stages.
        """

    def examine(self, classifier: Classifier) -> dict[str, Any]:
        """Let the referee ask the classifier about its clean test set, at the end of an attacker's epoch.

        Returns:
            What it found; it belongs into the epoch's entry of ``Trained.curve``, as it is.
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
        curve: One entry for each epoch: ``epoch``, ``loss``, ``train_correct``, and what the referee counted.
        stopped: Why it stopped: ``epochs``, or the name of a stop rule.
        steps: Optimiser steps taken.
        seconds: Training time without evaluation, over all sessions.
        images: Training images seen, over all epochs.
        details: What the record should say of the model: stem, input size, upsampling, parameters.
        chosen: The epoch whose weights the classifier has, if a countermeasure chose it; None: the last.
    """

    classifier: Classifier
    curve: tuple[Mapping[str, Any], ...]
    stopped: str
    steps: int
    seconds: float
    images: int
    details: Mapping[str, Any]
    chosen: int | None = None
