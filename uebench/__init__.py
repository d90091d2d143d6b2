"""uebench: do unlearnable examples protect faces? One duel, run fairly, once, kept for ever."""

__version__ = "0.1.0"
