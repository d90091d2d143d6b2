"""The records of cells and of protected sets, from which all tables and figures are made. See ``docs/record.md``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Counts(_Strict):
    """Correct answers among n."""

    correct: int = Field(ge=0)
    n: int = Field(ge=1)


class Peak(Counts):
    """The best epoch on the clean test set: an oracle that no attacker has; shown beside the headline, never for it."""

    epoch: int = Field(ge=1)


class Plugged(_Strict):
    """A plugin as it took part."""

    name: str
    version: int
    config: dict[str, Any]


class Asset(_Strict):
    """A weights file that the protected set, or the attack, depends on."""

    file: str
    sha256: str


class SideFacts(_Strict):
    """What the method was given as labels, where these were not the true ones; see ``data/side_information.py``."""

    labels: str | float
    embedding: str | None = None
    purity: Counts


class Data(_Strict):
    """The data set, without any path."""

    name: str
    source: str
    options: dict[str, Any]
    size: int
    num_classes: int
    train_images: int
    test_images: int


class Epoch(_Strict):
    """One epoch of the attacker's training; counts are of its whole training set and of the clean test set."""

    epoch: int
    loss: float
    train_correct: int
    test_correct: int


class TrainingFacts(_Strict):
    """How the attacker's training went; ``chosen`` is the epoch that ``counts`` belong to, None for the last."""

    epochs: int
    steps: int
    stopped: str
    model: dict[str, Any]
    chosen: int | None = None


class Scope(_Strict):
    """What was left unprotected, where a countermeasure left some.

    ``protected`` and ``unprotected`` are clean test counts over the identities of which some, or no, training image
    was protected; None where there is no such identity.
    """

    unprotected_images: int
    protected: Counts | None
    unprotected: Counts | None


class Audit(_Strict):
    """The perturbation after rounding; see ``uebench.metrics.audit`` and, for ``separable``, ``separability``."""

    max_levels: int
    l2_mean: float
    l2_max: float
    psnr_mean: float | None
    changed: int
    separable: Counts | None = None
    norm: Literal["linf", "l2", "none"]
    eps: float


class Quality(_Strict):
    """How little one sees of the perturbation, after rounding; see ``uebench.metrics.quality``."""

    psnr: float | None
    ssim: float
    lpips: float | None
    lpips_reason: str | None
    trunk: str | None
    n: int = Field(ge=1)


class ProtectionTimings(_Strict):
    """Wall-clock seconds on the machine of ``provenance``."""

    fit_seconds: float
    protect_seconds: float


class Timings(ProtectionTimings):
    """The same of a cell, with its training."""

    train_seconds: float
    train_images_per_second: float


class Provenance(_Strict):
    """What made the record; no host name and no absolute path."""

    versions: dict[str, str]
    device: str
    threads: int
    machine: str
    commit: str | None
    sources: dict[str, str]
    finished: str


class _Protection(_Strict):
    format: Literal[1]
    protect_key: str
    data_key: str
    preset: str
    data: Data
    method: Plugged
    assets: list[Asset]
    method_seed: int
    written: dict[str, str]
    side_information: SideFacts | None = None
    audit: Audit


class ProtectionRecord(_Protection):
    """The facts of a protected set."""

    quality: Quality
    timings: ProtectionTimings
    provenance: Provenance | None


class Record(_Protection):
    """A finished cell."""

    key: str
    attacker: list[Plugged]
    attacker_assets: list[Asset] = Field(default_factory=list)
    seed: int
    counts: Counts
    peak: Peak
    per_identity: list[Counts]
    curve: list[Epoch]
    training: TrainingFacts
    scope: Scope | None = None
    timings: Timings
    provenance: Provenance
