"""The panels of Figure 4 as tables, with places of our own beside the paper's.

The paper's places of a panel are those of its table in ``paper/tables.py``. The figure adds the attacker without any
countermeasure, and every other JPEG quality and share of true labels that has records.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from uebench.paper.match import RecordIndex
from uebench.paper.place import Table, TablePlace
from uebench.paper.tables import JPEG, SIDES, TABLES

ARCHITECTURE = "resnet18"
"""The paper's default attacker (section 5.1.4)."""

PLAIN = "none"
"""The column of the attacker without a countermeasure, and the row of the method without side information."""


def panels(records: RecordIndex) -> dict[str, Table]:
    """Return the four panels by their tables' names, with the qualities and shares in ``records``."""
    qualities, shares = set(), set()
    for record in records.cells:
        if record.side_information and isinstance(record.side_information.labels, float):
            shares.add(record.side_information.labels)
        for part in record.attacker[1:]:
            if part.name == "jpeg":
                qualities.add(int(part.config["quality"]))
    side = _side_information(shares)
    fitted = tuple(replace(place, attacker="", metric="surrogate_loss") for place in side)
    return {
        "figure4.1": _with_plain("figure4.1", _more_jpeg(qualities)),
        "figure4.2": _with_plain("figure4.2", ()),
        "figure4.3": replace(TABLES["figure4.3"], places=side),
        "figure4.4": replace(TABLES["figure4.4"], places=fitted),
    }


def _with_plain(name: str, more: Iterable[TablePlace]) -> Table:
    """Return a table with more places, and with each of its methods against the plain attacker."""
    table = TABLES[name]
    methods = {place.row: place.method for place in table.places}
    plain = [TablePlace(row=row, column=PLAIN, method=method, attacker=ARCHITECTURE) for row, method in methods.items()]
    return replace(table, places=(*table.places, *more, *plain))


def _more_jpeg(qualities: Iterable[int]) -> list[TablePlace]:
    methods = {place.row: place.method for place in TABLES["figure4.1"].places}
    columns = {f"quality={quality}": f"{ARCHITECTURE}+jpeg(quality={quality})" for quality in sorted(qualities)}
    return [
        TablePlace(row=row, column=column, method=method, attacker=attacker)
        for row, method in methods.items()
        for column, attacker in columns.items()
        if column not in JPEG
    ]


def _side_information(shares: Iterable[float]) -> tuple[TablePlace, ...]:
    """Return the places of panel 3 for the paper's attacker, with partly wrong labels after the true ones."""
    ordered: list[TablePlace] = []
    for setting, side in SIDES.items():
        panel = [place for place in TABLES["figure4.3"].places if place.column == ARCHITECTURE]
        places = {place.row: place for place in panel if place.setting == setting}
        wrong = [
            replace(
                places["true"],
                row=str(share),
                method=f"{side['true']}(labels={share})",
                title=f"{side['true']} with {share:.0%} true labels",
            )
            for share in sorted(shares, reverse=True)
        ]
        ordered += [places["true"], *wrong, *(place for row, place in places.items() if row != "true")]
    return tuple(ordered)
