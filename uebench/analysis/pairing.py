"""The records of a method against an attacker, with the numbers that tables show of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from uebench.analysis.runs import Identity, chance, most_recognised, runs_of
from uebench.analysis.statistics import Runs, interval, share_learned
from uebench.store.record import Record


@dataclass(frozen=True)
class Pairing:
    """A method against an attacker with its countermeasures, over all seeds.

    Attributes:
        method: The method's label.
        attacker: The label of the attacker with its countermeasures.
        records: Its records, one for each pair of seeds.
        clean: The records of the same attacker on the unprotected set.
    """

    method: str
    attacker: str
    records: tuple[Record, ...]
    clean: tuple[Record, ...]

    @cached_property
    def runs(self) -> Runs:
        """Return the accuracy and the answers of each run."""
        return runs_of(self.records)

    @cached_property
    def accuracy(self) -> float:
        """Return the mean clean test accuracy in percent."""
        return 100 * self.runs.mean

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Return the 95% interval of this mean, in percent."""
        return _interval(self.runs)

    @cached_property
    def worst(self) -> Identity:
        """Return the identity that is protected worst: the one that the attacker recognises best."""
        return most_recognised(self.records)

    @cached_property
    def clean_runs(self) -> Runs | None:
        """Return the runs of the clean reference, or None if there is none."""
        return runs_of(self.clean) if self.clean else None

    @cached_property
    def reference(self) -> float | None:
        """Return the mean accuracy of the clean reference in percent, or None if there is none."""
        return 100 * self.clean_runs.mean if self.clean_runs else None

    @cached_property
    def reference_interval(self) -> tuple[float, float] | None:
        """Return the 95% interval of the clean reference in percent, or None if there is none."""
        return _interval(self.clean_runs) if self.clean_runs else None

    @property
    def can_be_tested(self) -> bool:
        """Return whether a test can tell it from the clean reference, which takes enough runs of both."""
        return self.clean_runs is not None and self.runs.can_be_tested and self.clean_runs.can_be_tested

    @property
    def drop(self) -> float | None:
        """Return how many points the accuracy lies below the reference."""
        return None if self.reference is None else self.reference - self.accuracy

    @property
    def _learned(self) -> float | None:
        return share_learned(self.accuracy, chance(self.records[0]), self.reference)

    @property
    def relative_unlearnability(self) -> float | None:
        """Return how far the accuracy falls from the clean reference (0) towards chance (100), in percent.

        It is below 0 if the attacker learned more than from clean images, and above 100 if it fell below chance. None
        without a clean reference, or if that is no better than chance.
        """
        return None if self._learned is None else 100 * (1 - self._learned)

    @property
    def depth(self) -> float | None:
        """Return the depth of its colour, from the reference (0) to chance (1), or None if there is no reference."""
        if self.reference is None:
            return None
        return 0.0 if self._learned is None else min(1.0, max(0.0, 1 - self._learned))

    @property
    def countermeasures(self) -> tuple[str, ...]:
        """Return the names of the countermeasures."""
        return tuple(part.name for part in self.records[0].attacker[1:])

    @property
    def attacker_names(self) -> str:
        """Return the names of the architecture and of the countermeasures: ``resnet18+jpeg``."""
        return "+".join(part.name for part in self.records[0].attacker)


def _interval(runs: Runs) -> tuple[float, float]:
    low, high = interval(runs)
    return 100 * low, 100 * high
