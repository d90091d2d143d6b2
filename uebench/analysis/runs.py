"""Read accuracies, people and runs from records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from uebench.analysis.selection import one_of_each_set
from uebench.analysis.statistics import Runs, interval
from uebench.data.foreign.method import Protected
from uebench.planning.parts import REFERENCE
from uebench.store.record import Record


def is_clean(record: Record) -> bool:
    """Return whether the record is a clean reference."""
    return record.method.name == REFERENCE


def chance(record: Record) -> float:
    """Return the accuracy of guessing in percent."""
    return 100 / record.data.num_classes


@dataclass(frozen=True)
class Identity:
    """One of the people of a data set, and how well the attacker recognises them.

    Attributes:
        number: The label, from 0.
        runs: The runs, on this person's test photographs only.
    """

    number: int
    runs: Runs

    @property
    def share(self) -> float:
        """Return the accuracy on this person's test photographs, over all runs."""
        return self.runs.mean

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Return the 95% interval of this share; it holds for this person alone, not for all at once."""
        return interval(self.runs)


def lack_answers(records: Sequence[Record]) -> bool:
    """Return whether there are several, and one does not say which photographs were recognised."""
    return len(records) > 1 and any(record.answers is None for record in records)


def seconds(records: Iterable[Record]) -> float | None:
    """Return the seconds to train or load a method and to protect a set, the mean over sets.

    Returns:
        None for a set made by other code, because its record has only the time to read it.
    """
    made = one_of_each_set(records)
    if any(record.method.name == Protected.name for record in made):
        return None
    timings = [record.timings for record in made]
    return fmean(one.fit_seconds + one.protect_seconds for one in timings)


def psnr(records: Iterable[Record]) -> float | None:
    """Return the mean PSNR of the protected sets in dB, over their changed images; None if nothing changed."""
    known = [found for record in one_of_each_set(records) if (found := record.audit.psnr_mean) is not None]
    return fmean(known) if known else None


def identities(records: Sequence[Record]) -> list[Identity]:
    """Return the people of a data set and how well the attacker recognises each.

    Args:
        records: One or more, of one method against one attacker.
    """
    runs, first = runs_of(records), 0
    people = []
    for number, counts in enumerate(zip(*(record.per_identity for record in records), strict=True)):
        n = counts[0].n
        shares = {(one.method_seed, one.seed): count.share for one, count in zip(records, counts, strict=True)}
        answers = {seeds: right[first : first + n] for seeds, right in runs.answers.items()} if runs.answers else None
        people.append(Identity(number, Runs(shares, n, answers, images_of_each(records[0], n))))
        first += n
    return people


def most_recognised(records: Sequence[Record]) -> Identity:
    """Return the person whom the attacker recognises best over all runs: the one whom the method protects worst.

    Args:
        records: One or more, of one method against one attacker.
    """
    return max(identities(records), key=lambda one: one.share)


def least_recognised(records: Sequence[Record]) -> Identity:
    """Return the person whom the attacker recognises worst over all runs; see ``most_recognised``."""
    return min(identities(records), key=lambda one: one.share)


def runs_of(records: Iterable[Record], peak: bool = False) -> Runs:
    """Return records of one method against one attacker on one data set as ``Runs``.

    Args:
        records: One for each pair of seeds.
        peak: Whether to take each run after its best epoch instead of its last.
    """
    known = {(record.method_seed, record.seed): record for record in records}
    given = {seeds: record.correct_at_peak if peak else record.correct for seeds, record in known.items()}
    answers = {seeds: right for seeds, right in given.items() if right is not None}
    first = next(iter(known.values()))
    return Runs(
        {seeds: (record.peak if peak else record.counts).share for seeds, record in known.items()},
        first.counts.n,
        answers if len(answers) == len(known) else None,
        images_of_each(first, first.counts.n),
        is_one_set=first.method.name in (REFERENCE, Protected.name),
    )


def interval_of(record: Record) -> tuple[float, float]:
    """Return the 95% interval of the accuracy of one run."""
    return interval(runs_of([record]))


def images_of_each(record: Record, n: int) -> int:
    """Return how many of ``n`` images are made of each photograph; 1 if that does not divide ``n``."""
    made = record.data.images_of_each
    return made if n % made == 0 else 1
