"""What a report says of records: methods against attackers on each benchmark, and the drop that a method causes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from uebench.analysis.records import Labels, chance, is_clean, percent
from uebench.store.record import DataRecord, Record


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

    @property
    def accuracy(self) -> float:
        """Return the mean clean test accuracy in percent."""
        return fmean(percent(record) for record in self.records)

    @property
    def reference(self) -> float | None:
        """Return the mean accuracy of the clean reference in percent, or None if there is none."""
        return fmean(percent(record) for record in self.clean) if self.clean else None

    @property
    def drop(self) -> float | None:
        """Return how many points the reference loses."""
        return None if self.reference is None else self.reference - self.accuracy

    @property
    def depth(self) -> float | None:
        """Return where the accuracy lies between the reference (0) and chance (1)."""
        if self.drop is None or self.reference is None:
            return None
        room = self.reference - chance(self.records[0])
        return min(1.0, max(0.0, self.drop / room)) if room > 0 else 0.0

    @property
    def countermeasures(self) -> tuple[str, ...]:
        """Return the names of the countermeasures."""
        return tuple(part.name for part in self.records[0].attacker[1:])


@dataclass(frozen=True)
class Standing:
    """A method's line in the leaderboard.

    Attributes:
        method: Its label.
        pairing: What happened against the attacker by which methods are ranked, if they met.
        best: What the best of all attackers that it met reaches, in percent.
        attackers: How many these are, of those that have a clean reference.
    """

    method: str
    pairing: Pairing | None
    best: float
    attackers: int


@dataclass(frozen=True)
class Benchmark:
    """One data set under one preset.

    Attributes:
        records: All of its records.
        pairings: By (method label, attacker label).
    """

    records: tuple[Record, ...]
    pairings: Mapping[tuple[str, str], Pairing]

    @property
    def data(self) -> DataRecord:
        """Return what the records say of the data set."""
        return self.records[0].data

    @property
    def preset(self) -> str:
        """Return the preset's name."""
        return self.records[0].preset

    @property
    def chance(self) -> float:
        """Return the accuracy of guessing in percent."""
        return chance(self.records[0])

    @cached_property
    def common_attacker(self) -> str:
        """Return the attacker that most methods met, by which they are ranked: means over others would not compare."""
        met = [pairing.attacker for pairing in self._ranked]
        return max(self.attackers, key=met.count)

    @cached_property
    def leaderboard(self) -> list[Standing]:
        """Return the methods by their drop against the common attacker, then those that did not meet it.

        A method without any clean reference is not ranked.
        """
        found: dict[str, list[Pairing]] = {}
        for pairing in self._ranked:
            found.setdefault(pairing.method, []).append(pairing)
        lines = [
            Standing(
                method,
                next((one for one in pairings if one.attacker == self.common_attacker), None),
                max(one.accuracy for one in pairings),
                len(pairings),
            )
            for method, pairings in found.items()
        ]
        return sorted(lines, key=lambda line: -(line.pairing.drop or 0) if line.pairing else math.inf)

    @cached_property
    def _ranked(self) -> list[Pairing]:
        return [one for one in self.pairings.values() if one.drop is not None and not is_clean(one.records[0])]

    @cached_property
    def methods(self) -> list[str]:
        """Return the rows: the reference first, the others as the leaderboard ranks them, then those not ranked."""
        ranked = [line.method for line in self.leaderboard]
        known = dict.fromkeys(method for method, _ in self.pairings)
        clean = [one.method for one in self.pairings.values() if is_clean(one.records[0])]
        return list(dict.fromkeys([*clean, *ranked, *known]))

    @cached_property
    def attackers(self) -> list[str]:
        """Return the columns: plain architectures first, then by countermeasure; what most methods met leads."""
        met: dict[str, list[Pairing]] = {}
        for one in self.pairings.values():
            met.setdefault(one.attacker, []).append(one)

        def rank(attacker: str) -> tuple[int, tuple[str, ...], int, str]:
            countermeasures = met[attacker][0].countermeasures
            return len(countermeasures), countermeasures, -len(met[attacker]), attacker

        return sorted(met, key=rank)


def benchmarks(records: Iterable[Record]) -> list[Benchmark]:
    """Sort records by data set and preset, the benchmark with most records first."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record.data_key, record.preset), []).append(record)
    return [_benchmark(part) for part in sorted(found.values(), key=len, reverse=True)]


def _benchmark(records: Sequence[Record]) -> Benchmark:
    labels = Labels(records)
    found: dict[tuple[str, str], list[Record]] = {}
    clean: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.seed, record.method_seed)):
        attacker = labels.attacker(record)
        found.setdefault((labels.method(record), attacker), []).append(record)
        if is_clean(record):
            clean.setdefault(attacker, []).append(record)
    pairings = {
        pair: Pairing(*pair, records=tuple(part), clean=tuple(clean.get(pair[1], ()))) for pair, part in found.items()
    }
    return Benchmark(tuple(records), pairings)
