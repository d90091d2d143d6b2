"""Choose records of a results folder, and read labels, accuracies, identities and runs from records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from uebench.analysis.statistics import Runs, interval
from uebench.data.protected_method import Protected
from uebench.errors import UsageError, nearest
from uebench.hashing import abbreviated
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.planning.parts import REFERENCE
from uebench.planning.streams import shares_start
from uebench.plugins import presets
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import Store

R = TypeVar("R", Record, ProtectionRecord, Record | ProtectionRecord)


def select(store: Store, preset: str | None = None, data: Sequence[str] = ()) -> tuple[list[Record], list[Path]]:
    """Select records of a results folder.

    Args:
        store: The results folder.
        preset: Only records of this preset; None for all.
        data: Only records of these data sets; empty for all.

    Returns:
        The records, and the files of damaged records, which are left out, as are those that contradict most others
        about the people of their data set; see also ``independent``.

    Raises:
        UsageError: If there is no such preset, or no record of a named set.
    """
    if preset is not None:
        presets.get(preset)
    readable, damaged = consistent_cells(store)
    records = independent(record for record in readable if preset in (None, record.preset))
    names = {record.data.name for record in records}
    for name in data:
        if name not in names:
            raise UsageError(f"data {name!r}: no record of that set; {nearest(name, names)}")
    return [record for record in records if not data or record.data.name in data], damaged


def consistent_cells(store: Store) -> tuple[list[Record], list[Path]]:
    """Return the records of cells that agree about the people of each data set, and the files of all others.

    The others are damaged, or contradict most records of the same data set.
    """
    readable, damaged = store.readable_cells()
    records, contradicting = agreeing(readable)
    return records, [*damaged, *(store.cell_path(record.key) for record in contradicting)]


def agreeing(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records, and apart those that contradict most others about the people of the same data set."""
    records = list(records)
    sizes: dict[str, Counter[tuple[int, ...]]] = {}
    for record in records:
        sizes.setdefault(record.data_key, Counter())[_photographs(record)] += 1
    usual = {key: counted.most_common(1)[0][0] for key, counted in sizes.items()}
    agrees = {record.key for record in records if _photographs(record) == usual[record.data_key]}
    return [one for one in records if one.key in agrees], [one for one in records if one.key not in agrees]


def _photographs(record: Record) -> tuple[int, ...]:
    """Return the number of test photographs of each person."""
    return tuple(counts.n for counts in record.per_identity)


def independent(records: Iterable[Record]) -> list[Record]:
    """Leave out runs whose attacker began with the surrogate's weights, if the same pairing has other runs."""
    records = list(records)
    others = {_pairing(record) for record in records if not shares_start(record)}
    return [record for record in records if not shares_start(record) or _pairing(record) not in others]


def _pairing(record: Record) -> tuple[str, str, str, str]:
    return record.preset, record.data_key, MethodIdentity.of(record).text, AttackerIdentity.of(record).text


class Labels:
    """Names for the methods and attackers of some records.

    Each is named by the shortest text that any of the records has for it, with keys abbreviated; if two share a text,
    it gets a number.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        """Name every method and attacker of ``records``."""
        methods: dict[str, str] = {}
        attackers: dict[str, str] = {}
        for record in records:
            _shorter(methods, MethodIdentity.of(record).text, record.written["method"])
            _shorter(attackers, AttackerIdentity.of(record).text, record.written["attacker"])
        self._methods, self._attackers = _numbered(methods), _numbered(attackers)

    def method(self, record: Record) -> str:
        """Return the name of the method of one of the records."""
        return self._methods[MethodIdentity.of(record).text]

    def attacker(self, record: Record) -> str:
        """Return the name of the attacker, with its countermeasures, of one of the records."""
        return self._attackers[AttackerIdentity.of(record).text]


def _shorter(written: dict[str, str], identity: str, text: str) -> None:
    text = abbreviated(text)
    written[identity] = min(written.get(identity, text), text, key=lambda text: (len(text), text))


def _numbered(written: Mapping[str, str]) -> dict[str, str]:
    taken: dict[str, int] = {}
    named = {}
    for identity, text in sorted(written.items()):
        taken[text] = taken.get(text, 0) + 1
        named[identity] = text if taken[text] == 1 else f"{text} #{taken[text]}"
    return named


def set_names(sets: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Return names that tell data sets apart, with the first digits of the key where two of a preset share a name.

    Args:
        sets: The key, the preset and the name of each.

    Returns:
        Names by key and preset.
    """
    names = {(key, preset): name for key, preset, name in sets}
    shared = Counter((preset, name) for (_, preset), name in names.items())
    return {
        (key, preset): f"{name} ({key[:8]})" if shared[preset, name] > 1 else name
        for (key, preset), name in names.items()
    }


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


def one_of_each_set(records: Iterable[R]) -> list[R]:
    """Return one record for each protected set, so that a set that several attackers met counts once."""
    sets: dict[str, R] = {}
    for record in records:
        sets.setdefault(record.protect_key, record)
    return list(sets.values())


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
    )


def interval_of(record: Record) -> tuple[float, float]:
    """Return the 95% interval of the accuracy of one run."""
    return interval(runs_of([record]))


def images_of_each(record: Record, n: int) -> int:
    """Return how many of ``n`` images are made of each photograph; 1 if that does not divide ``n``."""
    made = record.data.images_of_each
    return made if n % made == 0 else 1
