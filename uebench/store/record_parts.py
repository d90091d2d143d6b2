"""The parts of a record: counts, plugins, data, training, the perturbation, provenance. See ``docs/record.md``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from uebench.hashing import canonical
from uebench.norms import NORMS, NormName, bound


def _json(options: dict[str, Any]) -> dict[str, Any]:
    canonical(options)  # refuses NaN and infinity
    return options


Options = Annotated[dict[str, Any], AfterValidator(_json)]
"""Names with values that JSON can hold."""


Key = Annotated[str, Field(pattern="^[0-9a-f]+$")]
"""An address: the digits of a digest."""


Amount = Annotated[float, Field(ge=0)]
"""A number of seconds, of images a second, of anything that cannot be less than none."""


def demand(found: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    """Refuse a mapping that lacks a name, which readers look up.

    Raises:
        ValueError: Naming what is missing.
    """
    if missing := sorted(set(names) - found.keys()):
        raise ValueError(f"{what} lacks {', '.join(missing)}")


class Strict(BaseModel):
    """A part of a record: unknown names, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Counts(Strict):
    """Correct answers among n."""

    correct: int = Field(ge=0)
    n: int = Field(ge=1)

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        if self.correct > self.n:
            raise ValueError(f"{self.correct} correct among {self.n}")
        return self

    @property
    def share(self) -> float:
        """Return correct / n."""
        return self.correct / self.n


class Peak(Counts):
    """The best epoch on the clean test set: an oracle that no attacker has; shown beside the headline, never for it.

    ``answers`` are as in ``Record``.
    """

    epoch: int = Field(ge=1)
    answers: str | None = None


class PluginRecord(Strict):
    """A plugin as it took part."""

    name: str
    version: int
    config: Options

    @property
    def identity(self) -> dict[str, Any]:
        """Return name, version and options, as keys hold them."""
        return {"name": self.name, "version": self.version, "config": self.config}


class Asset(Strict):
    """A weights file that the protected set, or the attack, depends on."""

    file: str
    sha256: str


class SideInformationRecord(Strict):
    """What the method was given as labels, where these were not the true ones; see ``data/side_information.py``."""

    labels: str | float
    embedding: str | None = None
    purity: Counts


class DataRecord(Strict):
    """The data set, without any path."""

    name: str
    source: str
    options: Options
    size: int = Field(ge=1)
    num_classes: int = Field(ge=1)
    train_images: int = Field(ge=1)
    test_images: int = Field(ge=1)

    @property
    def chance(self) -> float:
        """Return the accuracy of guessing, 1 / num_classes."""
        return 1 / self.num_classes

    @property
    def images_of_each(self) -> int:
        """Return how many test images are made of each photograph, by the option ``test_copies`` of the source."""
        return self._made("test_copies")

    @property
    def train_images_of_each(self) -> int:
        """Return the same of training images, by the option ``copies``; 1 if they cannot be divided so."""
        made = self._made("copies")
        return made if self.train_images % made == 0 else 1

    def _made(self, option: str) -> int:
        made = self.options.get(option, 1)
        return made if isinstance(made, int) and made > 0 else 1


class Epoch(Strict):
    """One epoch of the attacker's training; counts are of its whole training set and of the clean test set."""

    epoch: int
    loss: float
    train_correct: int
    test_correct: int


class TrainingRecord(Strict):
    """How the attacker's training went; ``chosen`` is the epoch that ``counts`` belong to, None for the last."""

    epochs: int
    steps: int
    stopped: str
    model: Options
    chosen: int | None = None


class Scope(Strict):
    """What was left unprotected, where a countermeasure left some.

    ``protected`` and ``unprotected`` are clean test counts over the identities of which some, or no, training image
    was protected; None where there is no such identity.
    """

    unprotected_images: int
    protected: Counts | None
    unprotected: Counts | None


class Robustness(Strict):
    """What the trained classifier recognises of the clean test set under attack; see ``evaluation/robustness.py``.

    ``rho`` is the radius of the attack, that of the countermeasure. ``counts`` are None if ``reason`` says why.
    """

    rho: float = Field(gt=0, le=1)
    steps: int = Field(ge=1)
    counts: Counts | None
    reason: str | None = None

    @model_validator(mode="after")
    def _counts_or_reason(self) -> Self:
        if (self.counts is None) != bool(self.reason):
            raise ValueError("robustness needs counts, or the reason why there are none")
        return self


class Audit(Strict):
    """The perturbation after rounding; see ``uebench.metrics.audit`` and, for ``separable``, ``separability``."""

    max_levels: int = Field(ge=0, le=255)
    l2_mean: float
    l2_max: float
    psnr_mean: float | None
    changed: int
    separable: Counts | None = None
    pixels_max: int | None = None
    norm: NormName
    eps: float

    @property
    def budget(self) -> str:
        """Return the bound that the referee held the method to: ``linf 8/255``, ``none``."""
        return bound(self.norm, self.eps)

    @model_validator(mode="after")
    def _within_budget(self) -> Self:
        sizes = {"linf": self.max_levels / 255, "l2": self.l2_max, "l0": self.pixels_max, "none": 0.0}
        size = sizes[self.norm]
        if size is None or not NORMS[self.norm].allows(size, self.eps, rounded=True):
            raise ValueError(f"the perturbation's {self.norm} size {size} exceeds its budget {self.eps:.6g}")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave ``pixels_max`` out where it was not measured, as in records that are older than it."""
        found: dict[str, Any] = serialize(self)
        return {name: value for name, value in found.items() if name != "pixels_max" or value is not None}


class Quality(Strict):
    """How little one sees of the perturbation, after rounding; see ``uebench.metrics.quality``."""

    psnr: float | None
    ssim: float
    lpips: float | None
    lpips_reason: str | None
    trunk: str | None
    n: int = Field(ge=1)


class ProtectionTimings(Strict):
    """Wall-clock seconds on the machine of ``provenance``."""

    fit_seconds: Amount
    protect_seconds: Amount


class Timings(ProtectionTimings):
    """The same of a cell, with its training."""

    train_seconds: Amount
    train_images_per_second: Amount


class Provenance(Strict):
    """What made the record; no host name and no absolute path."""

    versions: dict[str, str]
    device: str
    threads: int
    machine: str
    commit: str | None
    sources: dict[str, str]
    finished: str

    @model_validator(mode="after")
    def _versions_are_named(self) -> Self:
        demand(self.versions, ("uebench", "torch"), "versions")
        return self


class Round(Strict):
    """A round, or epoch, of a method's training.

    ``surrogate`` is the mean loss that the surrogate model trained with, ``objective`` the mean value that the
    perturbation, or its generator, lowered; None where there was no such step.
    """

    surrogate: float | None = None
    objective: float | None = None


class Fit(Strict):
    """How a method's training went.

    Attributes:
        rounds: How many rounds, or epochs, were run.
        stopped: ``rounds`` if these were all, else the stop rule.
        curve: What each reported.
    """

    rounds: int = Field(ge=1)
    stopped: str
    curve: list[Round]

    @property
    def surrogate_losses(self) -> dict[int, float]:
        """Return the surrogate's mean loss by round, from 1, for the rounds in which it was trained."""
        found = ((number, one.surrogate) for number, one in enumerate(self.curve, 1))
        return {number: loss for number, loss in found if loss is not None}
