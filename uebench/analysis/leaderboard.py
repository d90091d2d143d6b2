"""Group records into benchmarks: data sets with their methods, attackers, ranks and leaderboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from uebench.analysis.labels import Labels, set_names
from uebench.analysis.pairing import Pairing
from uebench.analysis.ranking import Rank, leaders, ranks
from uebench.analysis.runs import chance, is_clean, runs_of
from uebench.analysis.statistics import Runs
from uebench.grouping import grouped
from uebench.store.record import Record
from uebench.store.record_parts import DataRecord


@dataclass(frozen=True)
class Best:
    """The method that protects best against an attacker, as far as records can tell.

    Attributes:
        pairing: The first in rank of the methods that are shown to protect; if there is none, the first of all.
        protects: Whether it is shown to protect: a paired test tells it from the clean reference.
        tested: Whether any of the methods could be tested.
        others: How many other methods were ranked.
        as_good: Those of them that may be as good: no method is proven better than they are.
    """

    pairing: Pairing
    protects: bool
    tested: bool
    others: int
    as_good: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A method's line in the leaderboard.

    Attributes:
        method: Its label.
        pairing: Its result against the attacker by which methods are ranked; None if there is none.
        rank: Its rank there.
        strongest: Its highest accuracy against the attackers that all ranked methods met; None if it is not ranked.
        attackers: How many attackers with a clean reference it met.
    """

    method: str
    pairing: Pairing | None
    rank: Rank | None
    strongest: Pairing | None
    attackers: int


@dataclass(frozen=True)
class Benchmark:
    """One data set under one preset.

    Attributes:
        records: All of its records.
        pairings: By (method label, attacker label).
        name: The name of the data set; see ``labels.set_names``.
    """

    records: tuple[Record, ...]
    pairings: Mapping[tuple[str, str], Pairing]
    name: str

    @property
    def data(self) -> DataRecord:
        """Return the data set."""
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
    def _ranked(self) -> list[Pairing]:
        """Return the pairings of methods with attackers that have a clean reference."""
        return [one for one in self.pairings.values() if one.clean and not is_clean(one.records[0])]

    @cached_property
    def common_attacker(self) -> str:
        """Return the attacker that most methods met; they are ranked by it, as means over others would not compare."""
        met = [pairing.attacker for pairing in self._ranked]
        return max(self.attackers, key=met.count)

    @cached_property
    def ranks(self) -> dict[str, dict[str, Rank]]:
        """Return the ranks of the methods by attacker, each in their order; see ``ranking.ranks``."""
        runs: dict[str, dict[str, Runs]] = {}
        for pairing in self._ranked:
            runs.setdefault(pairing.attacker, {})[pairing.method] = pairing.runs
        return {attacker: ranks(methods) for attacker, methods in runs.items()}

    @cached_property
    def shared_attackers(self) -> list[str]:
        """Return the attackers met by every method that met the common one; maxima over others do not compare."""
        ranked = self.ranks.get(self.common_attacker, {})
        return [name for name in self.attackers if ranked and ranked.keys() <= self.ranks.get(name, {}).keys()]

    @cached_property
    def leaderboard(self) -> list[Standing]:
        """Return the methods as they rank against the common attacker, then those that did not meet it.

        A method without any clean reference is not ranked.
        """
        ranked = self.ranks.get(self.common_attacker, {})
        met = Counter(one.method for one in self._ranked)
        lines = []
        for method in dict.fromkeys([*ranked, *met]):
            shared = [self.pairings[method, name] for name in self.shared_attackers] if method in ranked else []
            strongest = max(shared, key=lambda one: one.accuracy, default=None)
            pairing = self.pairings.get((method, self.common_attacker))
            lines.append(Standing(method, pairing, ranked.get(method), strongest, met[method]))
        return lines

    @cached_property
    def best(self) -> list[Best]:
        """Return the best protection against each attacker that several methods met."""
        best = []
        for attacker in self.attackers:
            ranked = self.ranks.get(attacker, {})
            if len(ranked) > 1:
                pairings = {method: self.pairings[method, attacker] for method in ranked}
                runs = {method: pairing.runs for method, pairing in pairings.items()}
                clean = runs_of(next(iter(pairings.values())).clean)
                found = leaders(runs, clean, ranked)
                protects = found.first in found.protecting
                tested = any(pairing.can_be_tested for pairing in pairings.values())
                best.append(Best(pairings[found.first], protects, tested, len(ranked) - 1, found.as_good))
        return best

    def proven_best(self, attacker: str) -> str:
        """Return the method that is proven better than every other against an attacker; empty if there is none."""
        ranked = self.ranks.get(attacker, {})
        return next((method for method, rank in ranked.items() if rank.last == 1 < len(ranked)), "")

    def against(self, attacker: str) -> list[Pairing]:
        """Return the pairings with an attacker: the clean reference, the methods as they rank, those without a rank."""
        ranks = list(self.ranks.get(attacker, {}))

        def place(one: Pairing) -> int:
            if is_clean(one.records[0]):
                return -1
            return ranks.index(one.method) if one.method in ranks else len(ranks)

        return sorted((one for one in self.pairings.values() if one.attacker == attacker), key=place)

    @cached_property
    def methods(self) -> list[str]:
        """Return the methods: the reference first, the others as the leaderboard ranks them, then those not ranked."""
        clean = [one.method for one in self.pairings.values() if is_clean(one.records[0])]
        ranked = [line.method for line in self.leaderboard]
        return list(dict.fromkeys([*clean, *ranked, *(method for method, _ in self.pairings)]))

    @cached_property
    def attackers(self) -> list[str]:
        """Return the attackers: plain architectures first, then by countermeasures; of equals, the one met by most."""
        met = grouped(self.pairings.values(), lambda one: one.attacker)

        def rank(attacker: str) -> tuple[int, tuple[str, ...], int, str]:
            countermeasures = met[attacker][0].countermeasures
            return len(countermeasures), countermeasures, -len(met[attacker]), attacker

        return sorted(met, key=rank)


def benchmarks(records: Iterable[Record]) -> list[Benchmark]:
    """Group records by data set and preset, the benchmark with most records first."""
    groups = grouped(records, lambda record: (record.data_key, record.preset))
    names = set_names((*keys, group[0].data.name) for keys, group in groups.items())
    ordered = sorted(groups.items(), key=lambda item: len(item[1]), reverse=True)
    return [_benchmark(group, names[keys]) for keys, group in ordered]


def _benchmark(records: Sequence[Record], name: str) -> Benchmark:
    labels = Labels(records)
    runs = sorted(records, key=lambda record: (record.seed, record.method_seed))
    groups = grouped(runs, lambda record: (labels.method(record), labels.attacker(record)))
    clean = grouped(filter(is_clean, runs), labels.attacker)
    pairings = {
        pair: Pairing(*pair, records=tuple(group), clean=tuple(clean.get(pair[1], ())))
        for pair, group in groups.items()
    }
    return Benchmark(tuple(records), pairings, name)
