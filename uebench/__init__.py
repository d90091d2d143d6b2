"""uebench: do unlearnable examples protect faces? One duel, run fairly, once, kept for ever."""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import the Python API on first use, since it needs torch."""
    if name == "protect":
        return getattr(importlib.import_module("uebench.api.protect"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
