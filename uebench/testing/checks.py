"""A check of a plugin, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from unittest import SkipTest

from uebench.plugins.scan import Kind

Status = Literal["ok", "skipped", "failed"]


class ContractError(AssertionError):
    """A plugin breaks its contract.

    Attributes:
        reason: The fault and the remedy.
        line: The line of the plugin's file that is at fault, as ``mine.py:23``; empty if unknown.
    """

    def __init__(self, reason: str, line: str = "") -> None:
        """Store the reason and the line."""
        super().__init__(f"{reason} ({line})" if line else reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check.

    Attributes:
        kind: The kind of the plugin.
        plugin: The name of the plugin.
        check: The name of the check.
        sentence: The statement that the check proves.
        status: ``ok``, ``skipped`` or ``failed``.
        reason: Why the check was skipped or failed.
        line: See ``ContractError``.
    """

    kind: Kind
    plugin: str
    check: str
    sentence: str
    status: Status
    reason: str = ""
    line: str = ""


@dataclass(frozen=True)
class Check:
    """One check of one plugin. Calling it raises an error if the plugin breaks its contract.

    Attributes:
        kind: The kind of the plugin.
        plugin: The name of the plugin.
        name: The name of the check.
        sentence: The statement that the check proves.
        work: The function that runs the check.
    """

    kind: Kind
    plugin: str
    name: str
    sentence: str
    work: Callable[[], None]

    @property
    def __name__(self) -> str:
        """Return the name that pytest shows, as ``mine-budget``."""
        return f"{self.plugin}-{self.name}"

    def __call__(self) -> None:
        """Run the check.

        Raises:
            ContractError: If the plugin breaks its contract.
            unittest.SkipTest: If the check does not apply; pytest shows the reason.
        """
        self.work()

    def outcome(self) -> Outcome:
        """Run the check and return its outcome."""
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
    """Mark a method of a suite as the check that proves ``sentence``. The check has the name of the method."""

    def mark(work: Callable[[Any], None]) -> Callable[[Any], None]:
        work.sentence = sentence  # type: ignore[attr-defined]
        return work

    return mark
