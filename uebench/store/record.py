"""The records of cells and of protected sets, from which all tables and figures are made. See ``docs/record.md``."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from uebench.store import answers
from uebench.store.record_parts import (
    Amount,
    Asset,
    Audit,
    Counts,
    DataRecord,
    Epoch,
    Fit,
    Key,
    Peak,
    PluginRecord,
    ProtectionTimings,
    Provenance,
    Quality,
    Robustness,
    Scope,
    SideInformationRecord,
    Strict,
    Timings,
    TrainingRecord,
    demand,
)

FORMAT = 1


class ProtectedMeta(Strict):
    """The metadata of a protected set, stored beside its pixels.

    Attributes:
        protect_key: Its key; None in sets of early versions.
        audit: The measured perturbation, after rounding.
        side_information: The labels that the method saw, if they were not the true ones.
        fit_seconds: The time that the method took to learn.
        protect_seconds: The time that it took to protect the set.
        provenance: The code and machine that made the set; None in sets of early versions.
        fit: The curve of the method's training; None if there was none, and in sets of early versions.
        peak_memory_mib: Peak memory of fitting and protecting; None if it was not measured.
    """

    protect_key: str | None = None
    audit: Audit
    side_information: SideInformationRecord | None = None
    fit_seconds: float
    protect_seconds: float
    provenance: Provenance | None = None
    fit: Fit | None = None
    peak_memory_mib: Amount | None = None

    def stored(self) -> dict[str, Any]:
        """Return JSON values. ``fit`` and ``peak_memory_mib`` are left out if they are None, as in older sets."""
        optional = ("fit", "peak_memory_mib")
        return self.model_dump(mode="json", exclude={name for name in optional if getattr(self, name) is None})


class Failure(Strict):
    """The failure of a cell or a protected set.

    Attributes:
        key: The key of the cell or of the protected set.
        title: Its title for the user.
        kind: The name of the exception's class, ``ProcessDied`` or ``TooLong``.
        message: One line that names the culprit and the remedy.
        traceback: The traceback; empty if the failure has no exception.
    """

    key: str
    title: str
    kind: str
    message: str
    traceback: str = ""


class _Common(Strict):
    format: Literal[1]
    protect_key: Key
    data_key: Key
    preset: str
    data: DataRecord
    method: PluginRecord
    assets: list[Asset]
    method_seed: int
    written: dict[str, str]
    side_information: SideInformationRecord | None = None
    audit: Audit
    protected_digest: str | None = None

    @model_validator(mode="after")
    def _method_is_written(self) -> Self:
        demand(self.written, ("method",), "written")
        return self

    @model_validator(mode="after")
    def _photographs_are_counted(self) -> Self:
        data = self.data
        if not 0 <= self.audit.changed <= data.train_images:
            raise ValueError(f"{self.audit.changed} of {data.train_images} training images are changed")
        if data.test_images % data.images_of_each:
            raise ValueError(f"{data.test_images} test images are not {data.images_of_each} of each photograph")
        return self


class ProtectionRecord(_Common):
    """The record of a protected set, which is kept even if the set itself is deleted."""

    quality: Quality
    timings: ProtectionTimings
    provenance: Provenance | None
    fit: Fit | None = None
    peak_memory_mib: Amount | None = None


class Record(_Common):
    """The record of a finished cell.

    ``answers`` are the predictions behind ``counts``, one per test photograph; see ``uebench.store.answers``. Early
    records lack them. ``robust`` is None unless a countermeasure trains on adversarial examples. ``own_streams`` says
    whether the attacker drew from random streams of its own, because its seed equals the method's.
    """

    key: Key
    attacker: list[PluginRecord] = Field(min_length=1)
    attacker_assets: list[Asset] = Field(default_factory=list)
    seed: int
    own_streams: bool = False
    counts: Counts
    peak: Peak
    per_identity: list[Counts] = Field(min_length=1)
    answers: str | None = None
    curve: list[Epoch] = Field(min_length=1)
    training: TrainingRecord
    scope: Scope | None = None
    robust: Robustness | None = None
    timings: Timings
    provenance: Provenance

    @property
    def correct(self) -> tuple[bool, ...] | None:
        """Return which test photographs were recognised, sorted by identity; None in early records."""
        return self._correct(self.answers)

    @property
    def correct_at_peak(self) -> tuple[bool, ...] | None:
        """Return which test photographs were recognised after the best epoch; None in early records."""
        return self._correct(self.peak.answers)

    def _correct(self, encoded: str | None) -> tuple[bool, ...] | None:
        if encoded is None:
            return None
        sizes = [counts.n for counts in self.per_identity]
        return answers.correct(answers.decode(encoded, sum(sizes)), sizes)

    @model_validator(mode="after")
    def _attacker_is_written(self) -> Self:
        demand(self.written, ("attacker",), "written")
        return self

    @model_validator(mode="after")
    def _identities_are_counted(self) -> Self:
        people = self.per_identity
        total = sum(counts.correct for counts in people), sum(counts.n for counts in people)
        if len(people) != self.data.num_classes or total != (self.counts.correct, self.counts.n):
            raise ValueError("the counts of the identities are not those of all")
        if self.peak.n != self.counts.n:
            raise ValueError("the best epoch was counted on other photographs")
        if self.data.test_images != self.counts.n:
            raise ValueError(f"{self.counts.n} photographs were counted, and the data set has {self.data.test_images}")
        if self.robust and self.robust.counts and self.robust.counts.n != self.counts.n:
            raise ValueError("the answers under attack were counted on other photographs")
        return self

    @model_validator(mode="after")
    def _curve_is_counted(self) -> Self:
        correct = [epoch.test_correct for epoch in self.curve]
        numbers = list(range(1, len(correct) + 1))
        if [epoch.epoch for epoch in self.curve] != numbers or self.training.epochs != len(correct):
            raise ValueError("the epochs of the curve are not those of the training, numbered from 1")
        peak = self.peak
        if peak.epoch not in numbers or not peak.correct == max(correct) == correct[peak.epoch - 1]:
            raise ValueError("the best epoch is not that of the curve")
        last = self.training.chosen or len(correct)
        if last not in numbers or abs(correct[last - 1] - self.counts.correct) > answers.tolerance(self.counts.n):
            raise ValueError(f"the correct answers are not those of epoch {last} of the curve")
        return self

    @model_validator(mode="after")
    def _answers_are_counted(self) -> Self:
        if (recognised := self.correct) is not None:
            photographs = iter(recognised)
            counted = [sum(next(photographs) for _ in range(counts.n)) for counts in self.per_identity]
            if counted != [counts.correct for counts in self.per_identity]:
                raise ValueError("the answers are not those that were counted")
        best = self.correct_at_peak
        if best is not None and sum(best) != self.peak.correct:
            raise ValueError("the answers of the best epoch are not those that were counted")
        return self
