"""The pages of the Segue paper's tables, filled from a results folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from uebench.paper.fill import FilledTable, fill_table
from uebench.paper.match import Plugins, RecordIndex
from uebench.paper.place import MAIN, by_role
from uebench.paper.tables import named, plain
from uebench.plugins.registry import Registry
from uebench.report.formats import Page
from uebench.report.pages import claims, paper_table
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class View:
    """A page with the choices behind it.

    Attributes:
        page: The page.
        filled: The tables behind it.
        main: The data set in the main role; empty if there is none.
        others: Other data sets that could have this role, if the caller named none.
        damaged: The files of damaged records, which were left out.
    """

    page: Page
    filled: tuple[FilledTable, ...]
    main: str
    others: tuple[str, ...]
    damaged: tuple[Path, ...]


def measured(name: str, *, preset: str, data: Iterable[str], registry: Registry, store: Store) -> View:
    """Return a table of the paper with reported numbers and those of a results folder.

    Args:
        name: ``1`` to ``9``, ``figure4.1`` to ``figure4.4`` or ``claims``.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        data: Names of measured sets, or ``ROLE=NAME``; empty for the set that fills the most places.
        registry: The plugins.
        store: The results folder.

    Raises:
        UsageError: If there is no such table, role or measured set.
    """
    tables = named(name)
    places = [place for table in tables for place in table.places]
    given = by_role(data)
    records = RecordIndex(Plugins(registry, preset, store))
    roles = records.choose_sets(places, given)
    others = {measured_set.name for measured_set in records.sets} - {chosen.name for chosen in roles.values()}
    filled = {table.name: fill_table(table, roles, records) for table in tables}
    return View(
        page=_page(name, filled, preset),
        filled=tuple(filled.values()),
        main=roles[MAIN].name if MAIN in roles else "",
        others=() if MAIN in given else tuple(sorted(others)),
        damaged=tuple(records.damaged),
    )


def _page(name: str, filled: Mapping[str, FilledTable], preset: str) -> Page:
    if len(filled) > 1:
        page = claims.claims_page if plain(name) == "claims" else claims.requirements_page
        return page(filled, preset)
    (table,) = filled.values()
    return paper_table.page(table, preset)
