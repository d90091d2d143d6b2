"""Decide whether records and protected sets were made by other source code than today's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from uebench.planning.cell import ProtectionSpec
from uebench.planning.identity import plugins_of
from uebench.plugins import questions
from uebench.plugins.entry import Entry
from uebench.plugins.scan import CORE, PACKAGES
from uebench.store.record import Record
from uebench.store.store import Store
from uebench.store.summary import Summary


def changed_plugins(record: Record | Summary, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the names of the plugins whose source has changed since a record, although their version is the same.

    Args:
        record: The record.
        entries: The plugins of today. Those that the record does not use are passed over.
    """
    versions = {(kind, part.name): part.version for kind, part in plugins_of(record)}
    same = [entry for entry in entries if versions.get((entry.kind, entry.name)) == entry.version]
    sources = record.provenance.sources
    return tuple(dict.fromkeys(entry.name for entry in same if not entry.computes_as(sources.get(entry.name))))


def other_code(entries: Iterable[Entry], store: Store) -> list[str]:
    """Return a line for each plugin of which a store has records that other code of the same version made.

    Args:
        entries: The plugins of today. Those that come with uebench are passed over: a release does not change them
            without a new version, and to read all records of a large store takes long.
        store: The store.
    """
    entries = [entry for entry in entries if entry.origin not in (*PACKAGES, CORE)]
    count: Counter[str] = Counter()
    for _, record in store.summaries if entries else ():
        count.update(changed_plugins(record, entries) if record else ())
    return [
        f"{entry.name} version {entry.version}: {number} of the cells in {store.root} were made by other source code; "
        "raise its version, so that no table mixes both"
        for entry in entries
        if (number := count[entry.name])
    ]


def staleness(protection: ProtectionSpec, store: Store) -> str:
    """Return why a method would no longer make the protected set that is stored or on record; empty if it would."""
    key = protection.key
    known = store.set_metas.read_or_none(key) or store.protections.read_or_none(key)
    if known is None:
        return ""
    entry = protection.method.entry
    remedy = "raise its version, or use force to make the set again"
    made_by = known.provenance.sources.get(entry.name) if known.provenance else None
    if made_by is not None and not entry.computes_as(made_by):
        return f"its protected set was made by different source code of {entry.name} version {entry.version}; {remedy}"
    budget = questions.budget(protection.method.plugin, protection.data.size)
    if (known.audit.norm, known.audit.eps) != (budget.norm, budget.eps):
        return f"its protected set was made with a different budget of {entry.name} version {entry.version}; {remedy}"
    return ""
