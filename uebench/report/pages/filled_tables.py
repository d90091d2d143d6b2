"""The pages of the Segue paper's tables, filled from a results folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from uebench.errors import UsageError, counted
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


def measured(
    name: str, *, preset: str, data: Iterable[str], registry: Registry, store: Store, without_gaps: bool = False
) -> View:
    """Return a table of the paper with reported numbers and those of a results folder.

    Args:
        name: ``1`` to ``9``, ``figure4.1`` to ``figure4.4`` or ``claims``.
        preset: ``smoke``, ``desk``, ``desk64`` or ``paper``.
        data: Names of measured sets, or ``ROLE=NAME``; empty for the set that fills the most places.
        registry: The plugins.
        store: The results folder.
        without_gaps: Leave out what has no measured number.

    Raises:
        UsageError: If there is no such table, role or measured set, or no measured number without which it is empty.
    """
    tables = named(name)
    places = [place for table in tables for place in table.places]
    given = by_role(data)
    records = RecordIndex(Plugins(registry, preset, store))
    roles = records.choose_sets(places, given)
    others = {measured_set.name for measured_set in records.sets} - {chosen.name for chosen in roles.values()}
    filled = {table.name: fill_table(table, roles, records) for table in tables}
    shown = _without_gaps(name, filled) if without_gaps else filled
    left_out = sum(len(filled[key].places) - len(shown[key].places) for key in filled)
    page = _page(name, shown, preset)
    return View(
        page=replace(page, notes=[*page.notes, f"left out: {counted(left_out, 'place')} without a measured number"])
        if left_out
        else page,
        filled=tuple(shown.values()),
        main=roles[MAIN].name if MAIN in roles else "",
        others=() if MAIN in given else tuple(sorted(others)),
        damaged=tuple(records.damaged),
    )


def _without_gaps(name: str, filled: Mapping[str, FilledTable]) -> dict[str, FilledTable]:
    """Return a table without its places that have no measured number."""
    if len(filled) > 1:
        raise UsageError(f"table {name} sums up several tables; leave out --measured")
    shown = {
        key: replace(table, places=tuple(place for place in table.places if place.value is not None))
        for key, table in filled.items()
    }
    if not any(table.places for table in shown.values()):
        raise UsageError(f"table {name}: nothing is measured; leave out --measured to see the reported numbers")
    return shown


def _page(name: str, filled: Mapping[str, FilledTable], preset: str) -> Page:
    if len(filled) > 1:
        page = claims.claims_page if plain(name) == "claims" else claims.requirements_page
        return page(filled, preset)
    (table,) = filled.values()
    return paper_table.page(table, preset)
