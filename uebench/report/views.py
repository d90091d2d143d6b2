"""The tables of the Segue paper from a results folder: choose the sets, fill the tables, arrange the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from uebench.paper.fill import FilledTable, fill_table
from uebench.paper.match import Plugins, Records, choose_sets
from uebench.paper.tables import MAIN, by_role, named
from uebench.plugins.registry import Registry
from uebench.report import claims, tables
from uebench.report.tables import Page
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class View:
    """A page, and which set it took for the main role.

    Attributes:
        page: The page.
        filled: The tables behind it.
        main: The set; empty if there is none.
        others: Sets that could have been taken instead, where none was named.
        damaged: Records that were left out because they are damaged.
    """

    page: Page
    filled: tuple[FilledTable, ...]
    main: str
    others: tuple[str, ...]
    damaged: tuple[Path, ...]


def measured(name: str, *, preset: str, data: Iterable[str], registry: Registry, store: Store) -> View:
    """Show what a results folder holds of a table beside what the paper reports.

    Args:
        name: ``1`` to ``9``, ``figure4.1`` to ``figure4.4`` or ``claims``.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        data: Names of measured sets, or ``ROLE=NAME``; the set that fills most places if none is named.
        registry: Where plugins are named.
        store: The results folder.

    Raises:
        UsageError: If there is no such table, role or measured set.
    """
    places = [place for one in named(name) for place in one.places]
    given = by_role(data)
    records, plugins = Records(store, preset), Plugins(registry, preset, store)
    roles = choose_sets(places, records, plugins, given)
    others = {one.name for one in records.sets} - {one.name for one in roles.values()}
    filled = {one.name: fill_table(one, roles, records, plugins) for one in named(name)}
    return View(
        page=_arranged(name, filled, preset),
        filled=tuple(filled.values()),
        main=roles[MAIN].name if MAIN in roles else "",
        others=() if MAIN in given else tuple(sorted(others)),
        damaged=tuple(records.damaged),
    )


def _arranged(name: str, filled: Mapping[str, FilledTable], preset: str) -> Page:
    if len(filled) > 1:
        whole = claims.claims_page if name == "claims" else claims.requirements_page
        return whole(filled, preset)
    (one,) = filled.values()
    return tables.page(one, preset)
