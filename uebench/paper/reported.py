"""The numbers that the paper reports in its Tables 2 to 9, from ``reported.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

Address = tuple[str, str, str, str]
"""Table, row, column and setting, as the file names them."""


@cache
def reported() -> Mapping[Address, float | None]:
    """Return the numbers by address; None where the paper leaves a place empty."""
    text = (files(__package__) / "reported.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            (row["table"], row["row"], row["column"], row["setting"]): float(row["value"]) if row["value"] else None
            for row in csv.DictReader(text.splitlines())
        }
    )
