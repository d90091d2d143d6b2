"""The contracts: what a plugin is given and what it owes. Everything that a plugin needs can be imported from here.

A **method** (the data owner) turns clean images into protected ones; an **attacker** trains a classifier on them; a
**countermeasure** is what the attacker adds to its training; a **source** is where faces come from. The core is the
referee: it enforces the budget, rounds to uint8, keeps the clean test set to itself and counts the correct answers. One
measurement is a cell.

A plugin class inherits from its contract, directly or through other classes. It has a ``name`` of its own, and a
``version`` and an ``info`` of its own or of a class that it inherits from. The three are plain literals, because
``uebench list`` reads them from the source without importing it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, runtime_checkable

from uebench.lazy import torch
from uebench.plugins.options import Added, Config, Inputs, Optimization, Precision, Radius, Stem, Training
from uebench.plugins.values import (
    Batch,
    Budget,
    Checkpoint,
    Classifier,
    Context,
    ImageSet,
    Info,
    Listing,
    Shape,
    Split,
    Trained,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "BEFORE_TRAINING", "PLACES", "Added", "Attacker", "Batch", "Bounded", "Budget", "Checkpoint", "Classifier",
    "Config", "Context", "Countermeasure", "ImageSet", "Info", "Inputs", "Listing", "Method", "Optimization", "Plugin",
    "Precision", "Radius", "Shape", "Source", "Split", "Stem", "Trained", "Training",
]  # fmt: skip

C = TypeVar("C", bound=Config)

PLACES: Mapping[str, str] = {
    "scope": "what is protected",
    "set": "the set",
    "batch": "the batch",
    "step": "the step",
    "epoch": "the choice of the epoch",
}
"""Where countermeasures act, in words, in the order in which a run gets there."""
BEFORE_TRAINING = ("scope", "set")
"""The places where the core applies countermeasures itself, before it hands the set to the attacker."""


class Plugin(Generic[C]):
    """What every plugin has: a name, a version that its author raises when outputs change, and validated options."""

    name: ClassVar[str]
    version: ClassVar[int]
    info: ClassVar[Info]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options that the preset of a run (``smoke``, ``desk``, ``paper``) sets where the user says nothing, and other
    settings, which ``name(preset=official)`` asks for."""
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


@runtime_checkable
class Bounded(Protocol):
    """Options with an ``eps``: unless a method says otherwise, its L-inf budget on the [0, 1] pixel scale."""

    @property
    def eps(self) -> float:
        """Return the largest change of a pixel."""


class Method(Plugin[C], ABC):
    """A perturbation generator: ``fit`` learns from the set to protect, ``perturb`` protects a batch.

    The two are apart because they are measured apart, and because what was fitted once may protect other sets.
    """

    def budget(self, size: int) -> Budget:
        """Return the bound that the referee holds ``perturb`` to, for images of ``size`` pixels.

        By default an option ``eps`` is the L-inf bound, and a method without this option may not change an image.
        """
        return Budget("linf", self.config.eps if isinstance(self.config, Bounded) else 0.0)

    def streams(self, size: int) -> bool:
        """Return whether images of ``size`` pixels can be protected one by one, without the rest of their set.

        By default they can where nothing is learned, and where what was learned comes from a file.
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
        """Return the train and the test split, images square with ``size`` pixels.

        Images that are made of one photograph are in one split and lie side by side. The source then has an option
        ``copies`` that says how many train, and ``test_copies`` how many test, so that intervals count photographs and
        ``uebench detect`` divides a set between them.
        """


class Countermeasure(Plugin[C]):
    """Something an attacker adds to its training, or to what it trains on.

    A subclass says in ``place`` where it acts and overrides the hook of that name, and no other. A chain is applied in
    the order written, which must be scope, set, batch, step, epoch, because a run gets there in this order. The core
    calls the hooks of the scope and of the set, an attacker those that it names in ``places``. The place ``step`` has a
    second hook: ``gradient``.
    """

    place: ClassVar[Literal["", "scope", "set", "batch", "step", "epoch"]] = ""

    @property
    def robust_radius(self) -> float:
        """Return the L-inf radius within which the classifier is trained to withstand adversarial examples; 0 for none.

        The referee attacks the trained classifier within this radius, and the record says what it still recognises.
        """
        return 0.0

    @classmethod
    def hooks(cls) -> tuple[str, ...]:
        """Return the places whose hooks this class overrides."""
        own = [one for one in PLACES if getattr(cls, f"on_{one}") is not getattr(Countermeasure, f"on_{one}")]
        if "step" not in own and cls.replaces_gradient():
            own.append("step")
        return tuple(own)

    @classmethod
    def replaces_gradient(cls) -> bool:
        """Return whether this class overrides ``gradient``, the other hook of the place ``step``."""
        return cls.gradient is not Countermeasure.gradient

    def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
        """Choose the images that the attacker holds unprotected.

        Args:
            labels: The training set's, (N,) int64.
            num_classes: K, the number of identities.
            rng: A CPU generator that depends on the attacker's seed only.

        Returns:
            (N,) bool, true where an image is unprotected.
        """
        return torch.zeros_like(labels, dtype=torch.bool)

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return changed training images (N, 3, H, W) uint8, once, before training."""
        return train.images

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Change a batch, each time that the attacker trains on it.

        Args:
            images: (B, 3, H, W) float32 in [0, 1].
            targets: (B, K), one-hot or mixed; rows sum to one.
            rng: A CPU generator, which all draws of an epoch share.

        Returns:
            Images and targets of the same shapes.
        """
        return images, targets

    def on_step(self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator) -> Tensor:
        """Change the images of a batch with the help of the model that is being trained.

        Args:
            images: (B, 3, H, W) float32 in [0, 1], after ``on_batch``.
            targets: (B, K), rows sum to one.
            model: Images -> logits (B, K), in train mode; leave weights, gradients and mode as they are. Put it in eval
                mode meanwhile, unless the running statistics of its normalisations are to move.
            rng: A CPU generator, which all draws of an epoch share.

        Returns:
            Images of the same shape.
        """
        return images

    def gradient(
        self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Give the weights the gradient of a step, by default that of the mean loss; at place ``step``.

        It writes into ``grad`` of every trained weight and leaves the weights as they are: the attacker takes the step.
        In a chain only one countermeasure may override this.

        Args:
            images: (B, 3, H, W) float32 in [0, 1], after ``on_step``.
            targets: (B, K), rows sum to one.
            model: Images -> logits (B, K), in train mode.
            rng: A CPU generator, which all draws of an epoch share.

        Returns:
            The mean loss and the logits (B, K), detached.
        """
        logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        return loss.detach(), logits.detach()

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Choose the epoch by images held back from training, which the best classifier so far is measured on.

        Returns:
            Which images (N,) bool of the training set are held back; and the epochs without improvement after which
            training stops, 0 for never.
        """
        return torch.zeros_like(labels, dtype=torch.bool), 0


class Attacker(Plugin[C], ABC):
    """Trains a classifier on a set that may be protected; it never sees the clean test set."""

    places: ClassVar[tuple[str, ...]] = ()
    """Which of ``batch``, ``step`` and ``epoch`` ``fit`` serves. There it calls the hooks of countermeasures, as
    ``uebench.training.loop.supervised`` does. A plan refuses countermeasures anywhere else but on the scope and on the
    set, which the core applies itself."""
    follows_preset: ClassVar[bool] = False
    """Whether the preset of a run sets the training (``lr``, ``epochs`` and so on; see ``uebench.plugins.presets``)
    where the user says nothing. If not, the defaults of ``Config`` hold under every preset."""

    @property
    def epochs(self) -> int | None:
        """Return the most passes over the set that ``fit`` makes, for estimates of time; None if that is not known."""
        return self.config.epochs if isinstance(self.config, Training) else None

    @abstractmethod
    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train a classifier.

        Args:
            train: The set, with what countermeasures on the scope and on the set have made of it.
            countermeasures: Those that act during training, in order; none where ``places`` does not say so.
            ctx: Seeds, checkpoints, and the referee who counts at the end of each epoch.
        """
