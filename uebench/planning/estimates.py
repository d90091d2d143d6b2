"""How long cells will take, from the records of cells like them."""

from __future__ import annotations

from collections.abc import Mapping

from uebench.planning.cell import CellSpec
from uebench.store.store import Store

Rates = Mapping[tuple[str, int, tuple[str, ...]], float]
"""Images a second by attacker, image size and countermeasures."""


def estimate(cell: CellSpec, rates: Rates) -> float | None:
    """Return the training seconds to expect at most, from the rates of recorded cells, or None if none is alike.

    Args:
        cell: The cell.
        rates: As ``known_rates`` returns them. What acts in a step costs more than training alone, so that only a
            record with the same countermeasures will do.
    """
    chain = tuple(part.name for part in cell.countermeasures)
    costly = any(part.plugin.place == "step" for part in cell.countermeasures)
    kinds = [chain] if costly else [chain, ()]
    known = [rates.get((cell.attacker.name, cell.data.size, kind)) for kind in kinds]
    rate = next((rate for rate in known if rate), None)
    epochs = cell.attacker.plugin.epochs
    return cell.data.train_images * epochs / rate if rate and epochs else None


def known_rates(store: Store) -> Rates:
    """Return the training rates that the store's records hold, the newest of each kind."""
    rates = {}
    records = [record for _, record in store.cells() if record]
    for record in sorted(records, key=lambda record: record.provenance.finished):
        architecture, *chain = (part.name for part in record.attacker)
        rates[architecture, record.data.size, tuple(chain)] = record.timings.train_images_per_second
    return rates
