"""uebench: do unlearnable examples protect faces? One duel, run fairly, once, kept for ever."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the Python API on first use, since it needs torch."""
    if name == "protect":
        from uebench.api.protect import protect

        return protect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
