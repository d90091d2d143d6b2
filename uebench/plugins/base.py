"""The contracts: what plugins are given and what they must provide. Everything they need can be imported from here.

A **method** (the data owner) turns clean images into protected ones; an **attacker** trains a classifier on them; a
**countermeasure** changes this training; a **source** provides faces. The core is the referee: it enforces the budget,
rounds to uint8, keeps the clean test set to itself and counts the correct answers. One measurement is a cell.

A plugin class inherits from its contract, directly or through other classes. It declares a ``name``, and declares or
inherits a ``version`` and an ``info``. All three are literals, because ``uebench list`` reads them from the source
without importing it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from uebench.lazy import torch
from uebench.network_options import Inputs, Precision, Stem
from uebench.plugins.options import Added, Config, Optimization, Radius, Training
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
    "BEFORE_TRAINING", "PLACES", "Added", "Attacker", "Batch", "Budget", "Checkpoint", "Classifier",
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
"""The places where countermeasures act, with their names in messages, in the order in which a run reaches them."""
BEFORE_TRAINING = ("scope", "set")
"""The places where the core applies countermeasures itself, before the attacker gets the set."""


class Plugin(Generic[C]):
    """What every plugin has: a name, a version that its author raises when outputs change, and validated options."""

    name: ClassVar[str]
    version: ClassVar[int]
    info: ClassVar[Info]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options by preset, for those that the user leaves out. The preset of the run (``smoke``, ``desk``, ``paper``)
    applies unless the user names another: ``name(preset=official)``."""
    why: ClassVar[Mapping[str, str]] = {}
    """For each preset, one sentence on what differs and why."""
    earlier: ClassVar[Mapping[str, str]] = {}
    """Source digests of earlier code of this version that computes the same outputs, each with what changed since.
    Records that this code made are not stale. A literal, because it is read without importing the plugin."""
    Config: type[C]

    def __init__(self, config: C) -> None:
        """Keep the options; work starts in ``fit``."""
        self.config = config

    def obstacle(self, shape: Shape) -> str | None:
        """Return why this plugin cannot work on a set of this shape, or None; called before any work starts."""
        return None

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the files (trained weights) that the outputs depend on, for images of ``size`` pixels.

        Their digests enter the key. So do those of files that options name. Of a folder, return the files.
        """
        return ()


class Method(Plugin[C], ABC):
    """A perturbation generator: ``fit`` learns from the set to protect, ``perturb`` protects a batch.

    They are separate because each is timed, and because a fitted method may also protect other sets.
    """

    def budget(self, size: int) -> Budget:
        """Return the budget that the referee enforces, for images of ``size`` pixels.

        By default an option ``eps`` is the L-inf bound, and a method without this option may not change any image.
        """
        return Budget("linf", getattr(self.config, "eps", 0.0))

    def streams(self, size: int) -> bool:
        """Return whether images of ``size`` pixels can be protected one by one, without the rest of their set.

        By default they can if the method does not learn, or if its weights come from a file.
        """
        return type(self).fit is Method.fit or bool(self.assets(size))

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Learn from the clean training set; methods that learn nothing do not override this."""
        return

    @abstractmethod
    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the protected images (B, 3, H, W) float32 in [0, 1], within the budget."""

    def state(self) -> dict[str, Tensor]:
        """Return what ``fit`` learned, as tensors."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load what an earlier ``fit`` learned."""
        return self


class Source(Plugin[C], ABC):
    """A source of faces. Its options other than paths enter the key, and so do the images themselves."""

    @abstractmethod
    def label(self) -> str:
        """Return the name that tables show; never an absolute path."""

    def listing(self) -> Listing | None:
        """Return the files of the images, so that decoded images can be cached; None if the images are generated."""
        return None

    @abstractmethod
    def read(self, size: int) -> tuple[Split, Split]:
        """Return the training and the test split, with square images of ``size`` pixels.

        If a source makes several images of each photograph, these are in the same split, next to each other. It then
        has the options ``copies`` and ``test_copies``: the images of each photograph in the two splits. Intervals
        then count photographs, and ``uebench detect`` keeps the images of a photograph together.
        """


class Countermeasure(Plugin[C]):
    """A change of an attacker's training, or of its training set.

    A subclass sets ``place`` to where it acts, and overrides the hook of that place and no other. A chain acts in the
    order written, which must be that of a run: scope, set, batch, step, epoch. The core calls ``on_scope`` and
    ``on_set``; an attacker calls the hooks of its ``places``. The place ``step`` has a second hook, ``gradient``.
    """

    place: ClassVar[Literal["", "scope", "set", "batch", "step", "epoch"]] = ""

    @property
    def robust_radius(self) -> float:
        """Return the L-inf radius of the adversarial examples that the classifier is trained on; 0 for none.

        The referee attacks the trained classifier within this radius and records how much it still recognises.
        """
        return 0.0

    @classmethod
    def hooks(cls) -> tuple[str, ...]:
        """Return the places whose hooks this class overrides."""
        own = [place for place in PLACES if getattr(cls, f"on_{place}") is not getattr(Countermeasure, f"on_{place}")]
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
            labels: Labels of the training set, (N,) int64.
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
        """Change a batch each time the attacker trains on it.

        Args:
            images: (B, 3, H, W) float32 in [0, 1].
            targets: (B, K), one-hot or mixed; rows sum to one.
            rng: A CPU generator, shared by all draws of an epoch.

        Returns:
            Images and targets of the same shapes.
        """
        return images, targets

    def on_step(self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator) -> Tensor:
        """Change the images of a batch, using the model that is being trained.

        Args:
            images: (B, 3, H, W) float32 in [0, 1], after ``on_batch``.
            targets: (B, K), rows sum to one.
            model: Images -> logits (B, K), in train mode. Leave its weights, gradients and mode unchanged. Use eval
                mode meanwhile, unless the running statistics of batch normalisation should change.
            rng: A CPU generator, shared by all draws of an epoch.

        Returns:
            Images of the same shape.
        """
        return images

    def gradient(
        self, images: Tensor, targets: Tensor, model: nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Compute the gradient of a step, by default that of the mean loss; the second hook of the place ``step``.

        It goes into ``grad`` of every trained weight. The weights stay unchanged: the attacker takes the step.
        Only one countermeasure of a chain may override this.

        Args:
            images: (B, 3, H, W) float32 in [0, 1], after ``on_step``.
            targets: (B, K), rows sum to one.
            model: Images -> logits (B, K), in train mode.
            rng: A CPU generator, shared by all draws of an epoch.

        Returns:
            The mean loss and the logits (B, K), detached.
        """
        logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        return loss.detach(), logits.detach()

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Choose the images to hold back from training; the epoch with the best accuracy on them is kept.

        Returns:
            A mask (N,) bool of the training images to hold back; and the epochs without improvement after which
            training stops, 0 for never.
        """
        return torch.zeros_like(labels, dtype=torch.bool), 0


class Attacker(Plugin[C], ABC):
    """Trains a classifier on a set that may be protected; it never sees the clean test set."""

    places: ClassVar[tuple[str, ...]] = ()
    """Those of ``batch``, ``step`` and ``epoch`` where ``fit`` calls the hooks of countermeasures, as
    ``uebench.training.loop.supervised`` does. A plan refuses countermeasures at the others. The core itself applies
    those on the scope and on the set."""
    follows_preset: ClassVar[bool] = False
    """Whether the preset of a run sets the training options that the user leaves out (``lr``, ``epochs`` and so on; see
    ``uebench.plugins.presets``). If not, the defaults of ``Config`` hold under every preset."""

    @property
    def epochs(self) -> int | None:
        """Return the most passes over the set that ``fit`` makes, for estimates of time; None if unknown."""
        return self.config.epochs if isinstance(self.config, Training) else None

    @abstractmethod
    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Train a classifier.

        Args:
            train: The training set, after the countermeasures on the scope and on the set.
            countermeasures: The other countermeasures, in order; all of them act at ``places``.
            ctx: Seeds, checkpoints, and the referee, which counts correct answers at the end of each epoch.
        """
