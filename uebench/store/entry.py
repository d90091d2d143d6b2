"""Entries of a leaderboard: the claims for a method beside the measurements; see ``docs/leaderboard.md``."""

from __future__ import annotations

import datetime
import errno
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from uebench.errors import DataError, UsageError, in_words
from uebench.regular_files import read_regular
from uebench.store.record_parts import Asset, DataRecord, Key, PluginRecord, Strict
from uebench.store.seal import complaint

LARGEST = 1_000_000
"""The largest entry file in bytes."""

Percent = Annotated[float, Field(ge=0, le=100)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""A one-line text."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _address(text: str) -> str:
    if text and not re.fullmatch(r"https://\S+", text):
        raise ValueError("is not an address; write https://... without spaces")
    return text


class RecordDigest(Strict):
    """A record behind a number, and the protected set that was attacked.

    Attributes:
        key: The key of the cell.
        sha256: Digest of the record's file.
        protect_key: The key of the protected set.
        protected_digest: Digest of the protected set; None in early records.
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
    """The result of the method against one attacker on one data set.

    Attributes:
        data: The data set.
        data_key: The key of its photographs.
        name: The attacker's name in the study.
        attacker: The architecture and its countermeasures.
        claimed: The accuracy that the submitter claims, in percent; None if nothing is claimed.
        measured: The accuracy that uebench measured.
        clean: The measured accuracy of the clean reference; None if it was not measured.
        seeds: Method seeds x attacker seeds.
        n: The number of clean test images.
        records: The records behind the measurement.
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

    @model_validator(mode="after")
    def _each_record_once(self) -> Self:
        keys = [one.key for one in self.records]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"the record {twice[:12]} is named twice")
        return self


class LeaderboardEntry(Strict):
    """One method of one submitter.

    Attributes:
        format: Version of the file format.
        protocol: Version of the measurement protocol, raised when numbers are no longer comparable. 1: top-1 accuracy
            on the clean test photographs after the last epoch, of an attacker trained only on the protected set.
        uebench: The version of uebench that wrote the entry.
        by: The submitter.
        about: A description of the method in one line.
        url: A web page with more, such as the paper or the code; may be empty.
        date: The date of submission.
        name: The name of the method in tables.
        method: The plugin with all its options.
        labels: The labels that it saw: ``true``, ``kmeans`` or the share of true ones.
        weights: The weights files that the protected set depends on.
        source: The digest of the plugin's source, if the records have it.
        preset: The preset of its options.
        results: The results.
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
        """Return the content of its file."""
        return self.model_dump_json(indent=1) + "\n"


def read_entry(file: Path) -> LeaderboardEntry:
    """Read an entry.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If it is not an entry; the message says what is wrong with it.
    """
    try:
        content = read_regular(file, LARGEST)
    except OSError as error:
        if error.errno == errno.EFBIG:
            size = f"{LARGEST // 1_000_000} MB"
            raise UsageError(f"{file}: no leaderboard entry; it is larger than {size}") from None
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    try:
        return LeaderboardEntry.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(f"{file}: no leaderboard entry ({complaint(error)}); uebench submit writes one") from None
