"""What a report says of records: stages, the places of their heat maps, and the drop that a method causes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from uebench.analysis.records import Record, attacker_identity, chance, is_clean, labels, method_identity, percent


@dataclass(frozen=True)
class Place:
    """One place of a heat map: a method against an attacker with its countermeasures, over all seeds.

    Attributes:
        method: The method's label.
        attacker: The label of the attacker's chain.
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
    def measures(self) -> tuple[str, ...]:
        """Return the names of the countermeasures."""
        return tuple(part["name"] for part in self.records[0]["attacker"][1:])


@dataclass(frozen=True)
class Standing:
    """A method's line in the leaderboard.

    Attributes:
        method: Its label.
        place: Where it met the yardstick, if it did.
        best: What the best of all attackers that it met reaches, in percent.
        attackers: How many these are, of those that have a clean reference.
    """

    method: str
    place: Place | None
    best: float
    attackers: int


@dataclass(frozen=True)
class Stage:
    """One data set under one preset.

    Attributes:
        records: All of its records.
        places: By (method label, attacker label).
    """

    records: tuple[Record, ...]
    places: Mapping[tuple[str, str], Place]

    @property
    def data(self) -> Mapping[str, Any]:
        """Return what the records say of the data set."""
        return self.records[0]["data"]  # type: ignore[no-any-return]

    @property
    def preset(self) -> str:
        """Return the preset's name."""
        return str(self.records[0]["preset"])

    @property
    def chance(self) -> float:
        """Return the accuracy of guessing in percent."""
        return chance(self.records[0])

    @cached_property
    def yardstick(self) -> str:
        """Return the attacker that most methods met, by which they are ranked: means over others would not compare."""
        met = [place.attacker for place in self._ranked]
        return max(self.attackers, key=met.count)

    @cached_property
    def leaderboard(self) -> list[Standing]:
        """Return the methods by their drop at the yardstick, the largest first, then those that did not meet it.

        A method without any clean reference is not ranked.
        """
        found: dict[str, list[Place]] = {}
        for place in self._ranked:
            found.setdefault(place.method, []).append(place)
        lines = [
            Standing(
                method,
                next((place for place in places if place.attacker == self.yardstick), None),
                max(place.accuracy for place in places),
                len(places),
            )
            for method, places in found.items()
        ]
        return sorted(lines, key=lambda line: -(line.place.drop or 0) if line.place else math.inf)

    @cached_property
    def _ranked(self) -> list[Place]:
        return [p for p in self.places.values() if p.drop is not None and not is_clean(p.records[0])]

    @cached_property
    def methods(self) -> list[str]:
        """Return the rows: the reference first, the others as the leaderboard ranks them, then those not ranked."""
        ranked = [line.method for line in self.leaderboard]
        known = dict.fromkeys(method for method, _ in self.places)
        clean = [place.method for place in self.places.values() if is_clean(place.records[0])]
        return list(dict.fromkeys([*clean, *ranked, *known]))

    @cached_property
    def attackers(self) -> list[str]:
        """Return the columns: plain architectures first, then chains by countermeasure; what most methods met leads."""
        met = {attacker: [p for p in self.places.values() if p.attacker == attacker] for _, attacker in self.places}
        return sorted(met, key=lambda text: (len(met[text][0].measures), met[text][0].measures, -len(met[text]), text))


def stages(records: Iterable[Record]) -> list[Stage]:
    """Sort records into stages, the one with most records first."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record["data_key"], record["preset"]), []).append(record)
    return [_stage(part) for part in sorted(found.values(), key=len, reverse=True)]


def _stage(records: Sequence[Record]) -> Stage:
    methods = labels(records, method_identity, lambda record: record["written"]["method"])
    attackers = labels(records, attacker_identity, lambda record: record["written"]["attacker"])
    found: dict[tuple[str, str], list[Record]] = {}
    clean: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (record["seed"], record["method_seed"])):
        attacker = attackers[attacker_identity(record)]
        found.setdefault((methods[method_identity(record)], attacker), []).append(record)
        if is_clean(record):
            clean.setdefault(attacker, []).append(record)
    places = {
        pair: Place(*pair, records=tuple(part), clean=tuple(clean.get(pair[1], ()))) for pair, part in found.items()
    }
    return Stage(tuple(records), places)
