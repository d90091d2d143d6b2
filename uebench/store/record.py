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
    """What is stored beside the pixels of a protected set.

    Attributes:
        protect_key: Its address; None in sets of early versions.
        audit: The perturbation after rounding.
        side_information: What the method was given as labels, where these were not the true ones.
        fit_seconds: What the method took to learn.
        protect_seconds: What it took to protect the set.
        provenance: What made the set; None in sets of early versions.
        fit: How the method's training went; None if there was none, and in sets of early versions.
        peak_memory_mib: The most memory that fitting and protecting needed; None where it was not measured.
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
        """Return this as JSON values; without ``fit`` and ``peak_memory_mib``, as older sets are, if these are None."""
        optional = ("fit", "peak_memory_mib")
        return self.model_dump(mode="json", exclude={name for name in optional if getattr(self, name) is None})


class Failure(Strict):
    """Why a cell, or a protected set, could not be computed.

    Attributes:
        key: The address of the cell or of the protected set.
        title: The same in words.
        kind: The name of the exception's class, or ``ProcessDied``.
        message: One line that names the culprit and the remedy.
        traceback: Where it arose; empty for errors that uebench itself words.
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


class ProtectionRecord(_Common):
    """What is known of a protected set; it outlives the set itself."""

    quality: Quality
    timings: ProtectionTimings
    provenance: Provenance | None
    fit: Fit | None = None
    peak_memory_mib: Amount | None = None


class Record(_Common):
    """A finished cell.

    ``answers``, which early records lack, are what the classifier of the headline said of each test photograph; see
    ``uebench.store.answers``. ``robust`` is None without a countermeasure against adversarial examples.
    """

    key: Key
    attacker: list[PluginRecord] = Field(min_length=1)
    attacker_assets: list[Asset] = Field(default_factory=list)
    seed: int
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
        """Return which test photographs were recognised, by identity; None in early records."""
        if self.answers is None:
            return None
        return answers.correct(answers.decode(self.answers), [one.n for one in self.per_identity])

    @model_validator(mode="after")
    def _attacker_is_written(self) -> Self:
        demand(self.written, ("attacker",), "written")
        return self

    @model_validator(mode="after")
    def _identities_are_counted(self) -> Self:
        people = self.per_identity
        counted = sum(one.correct for one in people), sum(one.n for one in people)
        if len(people) != self.data.num_classes or counted != (self.counts.correct, self.counts.n):
            raise ValueError("the counts of the identities are not those of all")
        if self.peak.n != self.counts.n:
            raise ValueError("the best epoch was counted on other photographs")
        return self

    @model_validator(mode="after")
    def _answers_are_counted(self) -> Self:
        if (right := self.correct) is not None:
            places = iter(right)
            counted = [sum(next(places) for _ in range(one.n)) for one in self.per_identity]
            if counted != [one.correct for one in self.per_identity]:
                raise ValueError("the answers are not those that were counted")
        if self.peak.answers is not None:
            best = answers.correct(answers.decode(self.peak.answers), [one.n for one in self.per_identity])
            if sum(best) != self.peak.correct:
                raise ValueError("the answers of the best epoch are not those that were counted")
        return self
