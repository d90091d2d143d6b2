"""The base of methods that optimise a perturbation (noise) for each image, or each identity, of a set."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import Field

from uebench.errors import CellError
from uebench.lazy import networks, torch
from uebench.ops import Noise
from uebench.plugins.base import Added, Batch, Context, ImageSet, Inputs, Method, Optimization, Radius, Shape, Stem
from uebench.pretrained import weights
from uebench.training.optimizers import oscillating, set_rate

if TYPE_CHECKING:
    from torch import Tensor

    from uebench.networks import FaceClassifier


class NoiseOptions(Optimization):
    """Options of every such method. The optimiser options are those of the surrogate.

    Attributes:
        eps: L-inf bound of the noise.
        start: The noise at the start: ``zero``, or ``uniform`` in the ball.
        stem: The surrogate's first layers; ``small`` has no stride and no pooling there, ``by_size`` is ``small`` up
            to 112 pixels.
        inputs: How the surrogate's images are normalised: to [-1, 1] (``scaled``), [0, 1] (``raw``) or [-0.5, 0.5]
            (``centred``).
        weights: A noise file from ``uebench fit``; nothing is optimised then. The set must not have more identities,
            or more images of one, than the noise was made for.
    """

    eps: Radius = 8 / 255
    start: Literal["zero", "uniform"] = "zero"
    stem: Stem = "imagenet"
    weights: Path | None = None
    inputs: Annotated[Inputs, Added()] = "scaled"


class RoundsOptions(NoiseOptions):
    """Options of methods whose surrogate and noise take turns.

    Attributes:
        rounds: At most this many, after the warm-up.
        warmup: Rounds at the start that only train the surrogate.
        surrogate_every: After the warm-up, the surrogate trains once every this many rounds.
        schedule: Of the surrogate's learning rate: ``constant``, or ``oscillating``: the Segue authors' cosine, with
            ``T_max`` = all rounds, warm-up included, but stepped every iteration.
    """

    rounds: int = Field(40, ge=1)
    warmup: int = Field(0, ge=0)
    surrogate_every: int = Field(1, ge=1)
    schedule: Annotated[Literal["constant", "oscillating"], Added()] = "constant"

    @property
    def total(self) -> int:
        """Return the number of rounds, warm-up included."""
        return self.warmup + self.rounds

    def trains(self, number: int) -> bool:
        """Return whether the surrogate trains in round ``number``, counted from 0 with the warm-up."""
        return number < self.warmup or (number - self.warmup) % self.surrogate_every == 0

    def first_step(self, number: int, batches: int) -> int:
        """Return how many steps the surrogate has taken before round ``number``, at ``batches`` in each training."""
        return batches * sum(map(self.trains, range(number)))

    def set_rate(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set the learning rate of the surrogate's step ``step``, counted from 0, as the schedule says."""
        if self.schedule == "oscillating":
            set_rate(optimizer, oscillating(self.lr, step, self.total))


N = TypeVar("N", bound=NoiseOptions)


class NoiseMethod(Method[N]):
    """Optimises noise with a surrogate model and adds it to the images that it was made for."""

    _noise: Noise
    _owners: Tensor  # (R,) the identity that each row of the noise was made for
    _rows: Tensor  # (N,) the row of each image of the set at hand, unless each identity has its own

    @abstractmethod
    def optimize_noise(self, train: ImageSet, noise: Noise, ctx: Context) -> None:
        """Improve the noise in place.

        Args:
            train: The set to protect.
            noise: Its noise at the start; ``rows`` gives the row of each image of a batch.
            ctx: Seeds, checkpoints, progress.
        """

    def surrogate(self, train: ImageSet, ctx: Context) -> FaceClassifier:
        """Return an untrained ResNet-18 with the options' stem, for the set's identities."""
        config = self.config
        network = networks.classifier(
            "resnet18",
            train.num_classes,
            train.size,
            stem=config.stem,
            precision=config.precision,
            inputs=config.inputs,
        )
        return network.to(ctx.device)

    @property
    def classwise(self) -> bool:
        """Return whether all images of an identity share their noise."""
        return False

    @property
    def shaped_by(self) -> Mapping[str, Any]:
        """Return the options that noise from a file must have been made with."""
        return {"eps": self.config.eps}

    def rows(self, batch: Batch) -> Tensor:
        """Return the row of the noise (B,) for each image of a batch, while the noise is optimised."""
        return batch.labels if self.classwise else batch.index

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the noise file, if the user gave one."""
        return (self.config.weights,) if self.config.weights else ()

    def streams(self, size: int) -> bool:
        """Return False: which noise an image gets depends on its position in the set."""
        return False

    def obstacle(self, shape: Shape) -> str | None:
        """Return why the noise in the file does not suffice for this set, or None."""
        if self.config.weights is None:
            return None
        made_for = weights.counts(self.config.weights, self.name)
        what = "its shape was fixed when it was made, so it does not carry over to a larger set"
        if shape.num_classes > len(made_for):
            return f"noise for {len(made_for)} identities, and the set has {shape.num_classes}; {what}"
        for label, count in enumerate(shape.counts):
            if not self.classwise and count > made_for[label]:
                return f"noise for {made_for[label]} images of identity {label}, and the set has {count}; {what}"
        return None

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Optimise the noise, or load it from the given file."""
        config = self.config
        if config.weights:
            counts = torch.bincount(train.labels, minlength=train.num_classes).tolist()
            if reason := self.obstacle(Shape(train.size, tuple(counts))):  # the labels may be pseudo-labels
                raise CellError(f"{self.name}: {reason}")
            state = weights.load(config.weights, self.name, train.size, self.shaped_by)
            self.load({name: tensor.to(ctx.device) for name, tensor in state.items()})
            if not self.classwise:
                self._rows = _rows_in_order(train.labels, self._owners)
            return
        labels = train.labels
        self._owners = torch.arange(train.num_classes, device=ctx.device) if self.classwise else labels
        self._rows = torch.arange(len(labels), device=ctx.device)
        if config.start == "zero":
            self._noise = Noise.zeros(len(self._owners), train.size, config.eps, ctx.device)
        else:
            rng = ctx.rng("start")
            self._noise = Noise.uniform(len(self._owners), train.size, config.eps, ctx.device, rng)
        self.optimize_noise(train, self._noise, ctx)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add each image's noise, or its identity's."""
        rows = batch.labels if self.classwise else self._rows[batch.index]
        return (batch.images + self.applied(self._noise[rows])).clamp(0, 1)

    def applied(self, delta: Tensor) -> Tensor:
        """Return the part of the noise (B, 3, S, S) that is added to images: by default all of it."""
        return delta

    def state(self) -> dict[str, Tensor]:
        """Return the noise (R, 3, S, S) as int8 in steps of eps/127, and the identity of each row."""
        return {"noise": self._noise.steps, "owners": self._owners}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load noise for the set that it was made for."""
        self._noise, self._owners = Noise(state["noise"], self.config.eps), state["owners"]
        self._rows = torch.arange(len(self._owners), device=self._owners.device)
        return self


def _rows_in_order(labels: Tensor, owners: Tensor) -> Tensor:
    """Give the n-th image of each identity the n-th row of noise made for this identity.

    Args:
        labels: The identity of each image, (N,).
        owners: The identity that each row was made for, (R,).

    Returns:
        The row of each image, (N,).
    """
    rows = torch.empty_like(labels)
    for label in torch.unique(labels):
        mine = (labels == label).nonzero().flatten()
        rows[mine] = (owners == label).nonzero().flatten()[: len(mine)]
    return rows
