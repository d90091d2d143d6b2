"""The references to cite for records: uebench, and the papers of their plugins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from uebench import __version__
from uebench.planning.identity import plugins_of
from uebench.plugins.registry import Registry
from uebench.plugins.values import Info
from uebench.store.record import Record

SELF = "uebench: which unlearnable examples really protect faces?"


class Paper(NamedTuple):
    """The paper of a plugin.

    Attributes:
        name: The plugin's name.
        info: The paper; without an address if that does not begin with https://.
    """

    name: str
    info: Info


def papers(records: Iterable[Record], registry: Registry) -> list[Paper]:
    """Return the papers of the methods, attackers and countermeasures of some records, if the plugins name them."""
    used = dict.fromkeys((kind, part.name) for record in records for kind, part in plugins_of(record))
    found = [Paper(name, registry.entry(kind, name).info) for kind, name in used if (kind, name) in registry]
    return [
        paper if str(paper.info.url).startswith("https://") else Paper(paper.name, replace(paper.info, url=""))
        for paper in found
        if paper.info.venue not in ("", "-") and paper.info.year
    ]


def bibtex(records: Sequence[Record], registry: Registry) -> str:
    """Return BibTeX entries for uebench and for the papers, without authors, which plugins do not name."""
    entries = [_entry("software", "uebench", {"title": SELF, "author": "The uebench authors", "version": __version__})]
    for name, info in papers(records, registry):
        fields = {"title": info.title, "howpublished": info.venue, "year": info.year, "url": info.url}
        entries.append(_entry("misc", name, fields))
    return "\n".join(entries)


def _entry(kind: str, name: str, fields: Mapping[str, object]) -> str:
    values = {field: re.sub(r"[{}\\\n]", "", str(value)) for field, value in fields.items() if value}
    return "\n".join([f"@{kind}{{{name},", *(f"  {field} = {{{value}}}," for field, value in values.items()), "}", ""])
