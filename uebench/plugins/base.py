"""The contracts: what a plugin is given and what it owes.

A **method** (the data owner) turns clean images into protected ones; an **attacker** (the data thief) trains a
classifier on them; a **countermeasure** is what the attacker adds to its training; a **source** is where faces come
from. The core is the referee: it enforces the budget, rounds to uint8, keeps the clean test set to itself and counts
the correct answers. One measurement is a cell.

A plugin class names its contract among its bases and carries three class attributes that are plain literals, because
``uebench list`` reads them from the source without importing it: ``name``, ``version`` and ``info``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from uebench.lazy import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

Classifier = Callable[["Tensor"], "Tensor"]
"""Images (B, 3, H, W) float32 in [0, 1] -> logits (B, K)."""


def _pixel_scale(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value <= 1:
        raise ValueError(f"is on the [0, 1] pixel scale: write {value:g}/255, not {value:g}")
    return value


Radius = Annotated[float, BeforeValidator(_pixel_scale), Field(ge=0, le=1)]
"""A distance on the [0, 1] pixel scale, such as ``8/255``."""


class Config(BaseModel):
    """A plugin's options: frozen, validated, every unknown name refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def published(self) -> dict[str, Any]:
        """Return the options as JSON values, as keys and records hold them: of a path, only the file's name."""
        plain = self.model_dump(mode="json")
        return plain | {name: value.name for name, value in self if isinstance(value, Path)}


C = TypeVar("C", bound=Config)


@dataclass(frozen=True, slots=True)
class Info:
    """Where a plugin comes from.

    Attributes:
        title: The paper's title, or what the plugin is.
        venue: Where it was published, or "-".
        year: The year, or 0.
        url: A page about it.
        family: For listings, such as "min-min", "generator", "control".
    """

    title: str
    venue: str = "-"
    year: int = 0
    url: str = ""
    family: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """How far a protected image may lie from the clean one.

    Attributes:
        norm: ``linf``: largest pixel change; ``l2``: Euclidean length over all 3 H W values of an image.
        eps: The bound, on the [0, 1] pixel scale.
    """

    norm: Literal["linf", "l2", "none"]
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
    """

    images: Tensor
    labels: Tensor
    num_classes: int

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
        """Show how far the work is."""

    def save(self, state: Mapping[str, Tensor], step: int, **values: object) -> None:
        """Keep ``state`` so that a killed run goes on after ``step``, if it is time; ``values`` must be JSON."""

    def restore(self) -> Checkpoint | None:
        """Return what was last saved, or None."""

    def examine(self, classifier: Classifier) -> dict[str, int]:
        """Let the referee count the classifier's correct answers on its clean test set (an attacker's epoch end)."""


class Plugin(Generic[C]):
    """What every plugin has: a name, a version that its author raises when outputs change, and validated options."""

    name: ClassVar[str]
    version: ClassVar[int]
    info: ClassVar[Info]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options to use under a stage (``smoke``, ``desk``, ``paper``) where the user says nothing, and other settings,
    which ``name(preset=official)`` asks for."""
    why: ClassVar[Mapping[str, str]] = {}
    """For each preset, one sentence on what differs and why."""
    Config: type[C]

    def __init__(self, config: C) -> None:
        """Hold the options; all work waits for ``fit``."""
        self.config = config

    def obstacle(self, shape: Shape) -> str | None:
        """Say before any work starts why this plugin cannot serve a set of this shape, or None."""
        return None

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the files (trained weights) that the outputs depend on, for images of ``size`` pixels.

        Their digests enter the key.
        """
        return ()


class Method(Plugin[C], ABC):
    """A perturbation generator: ``fit`` learns from the set to protect, ``perturb`` protects a batch.

    The two are apart because they are measured apart, and because what was fitted once may protect other sets.
    """

    def budget(self, size: int) -> Budget:
        """Return the bound that the referee holds ``perturb`` to, for images of ``size`` pixels."""
        return Budget("linf", getattr(self.config, "eps", 0.0))

    def streams(self, size: int) -> bool:
        """Return whether images of ``size`` pixels can be protected one by one, without the rest of their set.

        So it is where nothing is learned, and where what was learned comes from a file.
        """
        return type(self).fit is Method.fit or bool(self.assets(size))

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Learn from the clean training set; methods without training leave this out."""
        return

    @abstractmethod
    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the protected images (B, 3, H, W) float32 in [0, 1], within the budget."""

    def state(self) -> dict[str, Tensor]:
        """Return what ``fit`` learned, as tensors."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Take over what an earlier ``fit`` learned."""
        return self


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


class Source(Plugin[C], ABC):
    """Where faces come from. Its options other than paths enter the key, and so do the images themselves."""

    @abstractmethod
    def label(self) -> str:
        """Return the name that tables show; never an absolute path."""

    def listing(self) -> Listing | None:
        """Return the files that the images are read from, so that decoded images may be kept; None if they are made."""
        return None

    @abstractmethod
    def read(self, size: int) -> tuple[Split, Split]:
        """Return the train and the test split, images square with ``size`` pixels."""


class Optimization(Config):
    """How a network is trained; shared by attackers and by the surrogate models of methods.

    Attributes:
        optimizer: ``adam``, ``adamw`` or ``sgd`` (momentum 0.9).
        lr: Initial learning rate.
        weight_decay: L2 penalty (decoupled for adamw).
        batch: Images a step.
    """

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    batch: int = Field(16, ge=2)


class Training(Optimization):
    """How an attacker trains; presets fill in what the user leaves out.

    Attributes:
        schedule: ``constant``; ``cosine``: to zero at the last step; ``oscillating``: the Segue authors' cosine with
            ``T_max`` = epochs but stepped every iteration, so that it swings with a period of 2 epochs-many steps.
        epochs: At most this many.
        stop_loss: Stop after an epoch whose mean training loss is below this; 0 never stops.
        flip: Mirror each image with probability 1/2.
        crop: Shift each image by up to so many pixels (zero-padded random crop); 0 for none.
    """

    schedule: Literal["constant", "cosine", "oscillating"] = "cosine"
    epochs: int = Field(40, ge=1)
    stop_loss: float = Field(0.0, ge=0)
    flip: bool = False
    crop: int = Field(0, ge=0)


@dataclass(frozen=True, slots=True)
class Trained:
    """An attacker's result.

    Attributes:
        classifier: The trained model.
        curve: One entry an epoch: ``epoch``, ``loss``, ``train_correct``, and what the referee counted.
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


class Countermeasure(Plugin[C]):
    """Something an attacker adds to its training, or to what it trains on.

    A subclass says in ``place`` where it acts and overrides the hook of that name. A chain is applied in the order
    written, which must be scope, set, batch, step, epoch, because that is the order in which these places come.
    """

    place: ClassVar[Literal["scope", "set", "batch", "step", "epoch"]]

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Return which images (N,) bool the attacker holds unprotected; ``labels`` (N,) are the training set's."""
        return torch.zeros_like(labels, dtype=torch.bool)

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return changed training images (N, 3, H, W) uint8, once, before training."""
        return train.images

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Change a batch: images (B, 3, H, W) float32 in [0, 1] and targets (B, K), rows summing to one."""
        return images, targets

    def on_step(self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator) -> Tensor:
        """Change the images of a batch with the help of the model being trained."""
        return images

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Choose the epoch by images held back from training, which the best classifier so far is measured on.

        Returns:
            Which images (N,) bool of the training set are held back; and the epochs without improvement after which
            training stops, 0 for never.
        """
        return torch.zeros_like(labels, dtype=torch.bool), 0


class Attacker(Plugin[C], ABC):
    """Trains a classifier on a set that may be protected; it never sees the clean test set."""

    places: ClassVar[tuple[str, ...] | None] = None
    """Where countermeasures may act, beside the scope of protection; None: everywhere."""

    @abstractmethod
    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train on ``train`` and return the classifier."""
