"""What records say, asked in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from uebench.hashing import canonical
from uebench.planning.parts import REFERENCE

Record = Mapping[str, Any]


def labels(
    records: Iterable[Record], identity: Callable[[Record], str], written_as: Callable[[Record], str]
) -> dict[str, str]:
    """Name each identity by the shortest text that it was written as; a text that two share gets a number."""
    written: dict[str, str] = {}
    for record in records:
        text, who = written_as(record), identity(record)
        written[who] = min(written.get(who, text), text, key=lambda text: (len(text), text))
    taken: dict[str, int] = {}
    named = {}
    for who, text in sorted(written.items()):
        taken[text] = taken.get(text, 0) + 1
        named[who] = text if taken[text] == 1 else f"{text} #{taken[text]}"
    return named


def method_identity(record: Record) -> str:
    """Return what makes a method this one: options, version, weights and side information, not its seed."""
    side = record.get("side_information")
    known = [side["labels"], side["embedding"]] if side else None
    return canonical([record["method"], known, [asset["sha256"] for asset in record["assets"]]])


def attacker_identity(record: Record) -> str:
    """Return what makes an attacker this one: architecture, options, countermeasures in their order."""
    return canonical(record["attacker"])


def is_clean(record: Record) -> bool:
    """Return whether the record is a clean reference."""
    return bool(record["method"]["name"] == REFERENCE)


def percent(record: Record) -> float:
    """Return a record's clean test accuracy in percent."""
    return float(100 * record["counts"]["correct"] / record["counts"]["n"])


def chance(record: Record) -> float:
    """Return the accuracy of guessing in percent."""
    return float(100 / record["data"]["num_classes"])
