"""Entries of a leaderboard: what somebody claims of a method, beside what was measured; see ``docs/leaderboard.md``."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from uebench.errors import DataError, UsageError, in_words
from uebench.regular import read_regular
from uebench.store.record_parts import Asset, DataRecord, Key, PluginRecord, Strict
from uebench.store.seal import complaint

LARGEST = 1_000_000
"""Bytes of an entry's file, at most."""

Percent = Annotated[float, Field(ge=0, le=100)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""A text of one line, for people."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _address(text: str) -> str:
    if text and not re.fullmatch(r"https://\S+", text):
        raise ValueError("is no address; write https://... without spaces")
    return text


class RecordDigest(Strict):
    """A record behind a number, and the protected set that it is about.

    Attributes:
        key: The address of the cell.
        sha256: Of the record's file.
        protect_key: The address of the protected set.
        protected_digest: Of its content; None in early records.
    """

    key: Key
    sha256: Digest
    protect_key: Key
    protected_digest: str | None


class Accuracy(Strict):
    """A mean accuracy with its 95% interval, in percent."""

    mean: Percent
    low: Percent
    high: Percent

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"{self.mean} lies outside its interval from {self.low} to {self.high}")
        return self


class EntryResult(Strict):
    """The method against one attacker on one data set.

    Attributes:
        data: The data set.
        data_key: The address of its photographs.
        name: What the study calls the attacker.
        attacker: The architecture and its countermeasures.
        claimed: The accuracy that the submitter claims, in percent; None if nothing is claimed.
        measured: What uebench measured.
        clean: What it measured on the unprotected photographs; None if these were not attacked.
        seeds: Method seeds x attacker seeds.
        n: Clean test photographs.
        records: What the measurement was made from.
    """

    data: DataRecord
    data_key: Key
    name: Line
    attacker: list[PluginRecord] = Field(min_length=1)
    claimed: Percent | None
    measured: Accuracy
    clean: Accuracy | None
    seeds: Line
    n: int = Field(ge=1)
    records: list[RecordDigest] = Field(min_length=1)


class LeaderboardEntry(Strict):
    """One method of one submitter.

    Attributes:
        format: Of this file.
        protocol: How it was measured. 1: top-1 accuracy on the clean test photographs after the last epoch, of an
            attacker that trained on nothing but the protected set. It is raised when numbers no longer compare.
        uebench: The version that wrote it.
        by: Who submits it.
        about: What it is, in one line.
        url: Where more is to be found, such as the paper or the code; empty if nowhere.
        date: When it was submitted.
        name: What tables call the method.
        method: The plugin with all its options.
        labels: What it was given as labels: ``true``, ``kmeans`` or the share of true ones.
        weights: The files that the protected set depends on.
        source: The digest of the plugin's source, where records name it.
        preset: Where options came from.
        results: The numbers.
    """

    format: Literal[1] = 1
    protocol: Literal[1] = 1
    uebench: Line
    by: Line
    about: Line
    url: Annotated[str, Field(max_length=500), AfterValidator(_address)] = ""
    date: datetime.date
    name: Line
    method: PluginRecord
    labels: str | float = "true"
    weights: list[Asset]
    source: str | None
    preset: Line
    results: list[EntryResult] = Field(min_length=1)

    def text(self) -> str:
        """Return it as the content of its file."""
        return self.model_dump_json(indent=1) + "\n"


def read_entry(file: Path) -> LeaderboardEntry:
    """Read an entry.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If it is no entry; the message says what is wrong with it.
    """
    try:
        content = read_regular(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    if len(content) > LARGEST:
        raise UsageError(f"{file}: no leaderboard entry; it is larger than {LARGEST // 1_000_000} MB")
    try:
        return LeaderboardEntry.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(f"{file}: no leaderboard entry ({complaint(error)}); uebench submit writes one") from None
