"""Find the methods and attackers that a caller names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from uebench.analysis.leaderboard import Benchmark
from uebench.analysis.pairing import Pairing
from uebench.errors import UsageError, nearest
from uebench.hashing import abbreviated


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
