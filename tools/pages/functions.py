"""The functions of the Python API in a table that GitHub shows."""

from __future__ import annotations

import uebench
from tools.pages.plugins import summary


def table() -> str:
    """Return a Markdown table of the public functions."""
    functions = {name: getattr(uebench, name) for name in uebench.__all__ if not name.startswith("_")}
    rows = [f"| `uebench.{name}` | {summary(function)} |" for name, function in functions.items()]
    return "\n".join(["| function | what it does |", "|---|---|", *rows])
