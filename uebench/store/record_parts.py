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
    try:
        canonical(options)  # refuses NaN and infinity
    except TypeError as error:
        raise ValueError(str(error)) from None
    return options


def _sizes(details: dict[str, Any]) -> dict[str, Any]:
    sizes = {name: details[name] for name in ("input_size", "upsampled_from") if details.get(name) is not None}
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} is {size!r}; give a number of pixels")
    if "upsampled_from" in sizes and "input_size" not in sizes:
        raise ValueError("upsampled_from needs input_size")
    return details


Options = Annotated[dict[str, Any], AfterValidator(_json)]
"""Options by name, with JSON values."""

ModelDetails = Annotated[Options, AfterValidator(_sizes)]
"""Properties of an attacker's network; ``input_size`` and ``upsampled_from``, if they are there, are pixels."""

Count = Annotated[int, Field(ge=0, strict=True)]
"""A number of things that were counted."""

Key = Annotated[str, Field(pattern="^[0-9a-f]+$")]
"""A key: hexadecimal digits of a digest."""

Amount = Annotated[float, Field(ge=0)]
"""A quantity that is not negative, such as seconds or images per second."""


def demand(mapping: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    """Check that a mapping has some names that readers look up.

    Args:
        mapping: The mapping.
        names: The names that it must have.
        what: The name of the mapping in the error.

    Raises:
        ValueError: If names are missing; the message lists them.
    """
    if missing := sorted(set(names) - mapping.keys()):
        raise ValueError(f"{what} lacks {', '.join(missing)}")


class Strict(BaseModel):
    """A part of a record: unknown names, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Counts(Strict):
    """The number of correct answers out of n."""

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
    """The best epoch on the clean test set.

    No attacker knows which epoch this is, so the peak is shown beside the headline number, never instead of it.
    ``answers`` are encoded as in ``Record``.
    """

    epoch: int = Field(ge=1)
    answers: str | None = None


class PluginRecord(Strict):
    """A plugin with its version and options."""

    name: str
    version: int
    config: Options

    @property
    def identity(self) -> dict[str, Any]:
        """Return name, version and options, in the form that enters keys."""
        return {"name": self.name, "version": self.version, "config": self.config}


class Asset(Strict):
    """A weights file that the protected set or the attack depends on."""

    file: str
    sha256: str


class SideInformationRecord(Strict):
    """The labels that the method saw, if they were not the true ones; see ``data/side_information.py``."""

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
        """Return the number of test images made from each photograph: the source's option ``test_copies``."""
        return self._copies("test_copies")

    @property
    def train_images_of_each(self) -> int:
        """Return the number of training images per photograph: the option ``copies``, or 1 if it does not fit."""
        copies = self._copies("copies")
        return copies if self.train_images % copies == 0 else 1

    def _copies(self, option: str) -> int:
        copies = self.options.get(option, 1)
        return copies if isinstance(copies, int) and copies > 0 else 1


class Epoch(Strict):
    """One epoch of the attacker's training, with its correct answers on the training set and the clean test set."""

    epoch: Count
    loss: float
    train_correct: Count
    test_correct: Count


class TrainingRecord(Strict):
    """The attacker's training. ``chosen`` is the epoch that ``counts`` belong to; None for the last one."""

    epochs: Count
    steps: Count
    stopped: str
    model: ModelDetails
    chosen: int | None = None


class Scope(Strict):
    """The training images that a countermeasure left unprotected.

    ``protected`` has the clean test counts of the identities with at least one protected training image, and
    ``unprotected`` those of the other identities; each is None if there is no such identity.
    """

    unprotected_images: int
    protected: Counts | None
    unprotected: Counts | None


class Robustness(Strict):
    """The trained classifier's correct answers on the clean test set under attack; see ``evaluation/robustness.py``.

    ``rho`` is the radius of the attack, which is the countermeasure's. If ``counts`` is None, ``reason`` says why.
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
    """The measured perturbation, after rounding; see ``audit`` and ``separability`` in ``uebench.metrics``."""

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
        """Return the method's budget, such as ``linf 8/255`` or ``none``."""
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
        """Leave out ``pixels_max`` if it was not measured, as in older records."""
        fields: dict[str, Any] = serialize(self)
        return {name: value for name, value in fields.items() if name != "pixels_max" or value is not None}


class Quality(Strict):
    """The image quality of a protected set, after rounding; see ``uebench.metrics.quality``."""

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
    """The timings of a cell, which include the attacker's training."""

    train_seconds: Amount
    train_images_per_second: Amount


class Provenance(Strict):
    """The code and machine that made the record, without host name or absolute paths."""

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

    ``surrogate`` is the mean training loss of the surrogate model, and ``objective`` the mean objective that the
    perturbation or its generator minimised; each is None if there was no such step.
    """

    surrogate: float | None = None
    objective: float | None = None


class Fit(Strict):
    """A method's training.

    Attributes:
        rounds: The number of rounds, or epochs.
        stopped: ``rounds`` if all rounds were run, otherwise the stop rule.
        curve: The losses of each round.
    """

    rounds: int = Field(ge=1)
    stopped: str
    curve: list[Round]

    @property
    def surrogate_losses(self) -> dict[int, float]:
        """Return the surrogate's mean loss by round, counted from 1, for the rounds in which it was trained."""
        losses = ((number, each.surrogate) for number, each in enumerate(self.curve, 1))
        return {number: loss for number, loss in losses if loss is not None}
