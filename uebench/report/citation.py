"""The references to cite for records: uebench, and the papers of their plugins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uebench import __version__
from uebench.planning.identity import plugins_of
from uebench.plugins.registry import Registry
from uebench.store.record import Record

SELF = "uebench: which unlearnable examples really protect faces?"


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper of a plugin.

    Attributes:
        name: The plugin's name.
        title: The paper's title.
        venue: The venue of its publication.
        year: The year of its publication.
        url: The address of a page about it; empty if none is known, or if it does not begin with https://.
    """

    name: str
    title: str
    venue: str
    year: int
    url: str


def papers(records: Iterable[Record], registry: Registry) -> list[Paper]:
    """Return the papers of the methods, attackers and countermeasures of some records, if the plugins name them."""
    used = dict.fromkeys((kind, part.name) for record in records for kind, part in plugins_of(record))
    infos = [(name, registry.entry(kind, name).info or {}) for kind, name in used if (kind, name) in registry]
    return [_paper(name, info) for name, info in infos if info.get("year") and info.get("venue")]


def bibtex(records: Sequence[Record], registry: Registry) -> str:
    """Return BibTeX entries for uebench and for the papers, without authors, which plugins do not name."""
    entries = [_entry("software", "uebench", {"title": SELF, "author": "The uebench authors", "version": __version__})]
    for paper in papers(records, registry):
        fields = {"title": paper.title, "howpublished": paper.venue, "year": str(paper.year), "url": paper.url}
        entries.append(_entry("misc", paper.name, fields))
    return "\n".join(entries)


def _paper(name: str, info: Mapping[str, Any]) -> Paper:
    url = str(info.get("url", ""))
    return Paper(
        name, str(info["title"]), str(info["venue"]), int(info["year"]), url if url.startswith("https://") else ""
    )


def _entry(kind: str, name: str, fields: Mapping[str, str]) -> str:
    values = {field: re.sub(r"[{}\\\n]", "", value) for field, value in fields.items() if value}
    return "\n".join([f"@{kind}{{{name},", *(f"  {field} = {{{value}}}," for field, value in values.items()), "}", ""])
