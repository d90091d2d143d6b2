"""A check of a plugin, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

Status = Literal["ok", "skipped", "failed"]


class ContractError(AssertionError):
    """A plugin breaks its contract.

    Attributes:
        reason: What it does, and the remedy.
        line: The line of its own file that does it, as ``mine.py:23``; empty if it is not known.
    """

    def __init__(self, reason: str, line: str = "") -> None:
        """Hold the reason and the line."""
        super().__init__(f"{reason} ({line})" if line else reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check.

    Attributes:
        kind: Of the plugin: ``method``, ``attacker``, ``countermeasure`` or ``source``.
        plugin: Its name.
        check: The name of the check.
        sentence: What the check proves.
        status: ``ok``, ``skipped`` or ``failed``.
        reason: Why it was skipped or failed.
        line: The line at fault in the plugin's own file, if it is known.
    """

    kind: str
    plugin: str
    check: str
    sentence: str
    status: Status
    reason: str = ""
    line: str = ""


@dataclass(frozen=True)
class Check:
    """One check of one plugin: call it, and it raises if the plugin breaks its contract.

    Attributes:
        kind: Of the plugin.
        plugin: Its name.
        name: Of the check.
        sentence: What it proves.
    """

    kind: str
    plugin: str
    name: str
    sentence: str
    work: Callable[[], None]

    @property
    def __name__(self) -> str:
        """Return what pytest shows: ``mine-budget``."""
        return f"{self.plugin}-{self.name}"

    def __call__(self) -> None:
        """Run the check.

        Raises:
            ContractError: If the plugin breaks its contract.
            unittest.SkipTest: If the check does not apply; pytest shows the reason.
        """
        self.work()

    def outcome(self) -> Outcome:
        """Run the check and return what came of it."""
        try:
            self()
        except SkipTest as skipped:
            return self._outcome("skipped", str(skipped))
        except ContractError as error:
            return self._outcome("failed", error.reason, error.line)
        return self._outcome("ok")

    def _outcome(self, status: Status, reason: str = "", line: str = "") -> Outcome:
        return Outcome(self.kind, self.plugin, self.name, self.sentence, status, reason, line)


def proves(sentence: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Make a method of a suite a check, named as the method is."""

    def mark(work: Callable[[Any], None]) -> Callable[[Any], None]:
        work.sentence = sentence  # type: ignore[attr-defined]
        return work

    return mark
