"""Name methods, attackers and data sets so that no two share a name, and find them by these names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from uebench.errors import UsageError, nearest
from uebench.hashing import abbreviated
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.store.record import Record

if TYPE_CHECKING:
    from uebench.analysis.leaderboard import Benchmark, Pairing


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


def chosen(kind: str, wanted: Sequence[str], names: Mapping[str, str], *, all_of_a_name: bool = False) -> set[str]:
    """Return the labels that a caller selects.

    Args:
        kind: ``method`` or ``attacker``, for the error.
        wanted: Each a label, or a name if no label matches; all labels if empty.
        names: The name behind each label.
        all_of_a_name: Whether a name selects all labels of that name, even if one of them is just this name.

    Raises:
        UsageError: If there is none of that name.
    """
    labels = set() if wanted else set(names)
    for text in wanted:
        written, named = {abbreviated(text)} & names.keys(), {label for label, name in names.items() if name == text}
        matches = written | named if all_of_a_name else written or named
        if not matches:
            raise UsageError(f"{kind} {text!r}: no record of it; {nearest(text, {*names, *names.values()})}")
        labels |= matches
    return labels


def selection(
    groups: Iterable[Benchmark], methods: Sequence[str], attackers: Sequence[str], *, all_of_a_name: bool = False
) -> Callable[[Pairing], bool]:
    """Return whether a pairing is among those that a caller selects; see ``chosen``.

    Raises:
        UsageError: If there is no record of a method or of an attacker.
    """
    pairings = [pairing for benchmark in groups for pairing in benchmark.pairings.values()]
    names = {one.method: one.records[0].method.name for one in pairings}
    kept_methods = chosen("method", methods, names, all_of_a_name=all_of_a_name)
    names = {one.attacker: one.attacker_names for one in pairings}
    kept_attackers = chosen("attacker", attackers, names, all_of_a_name=all_of_a_name)
    return lambda one: one.method in kept_methods and one.attacker in kept_attackers
