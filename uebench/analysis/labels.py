"""Name methods, attackers and data sets so that no two share a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from uebench.hashing import abbreviated
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.store.record import Record


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
