"""Turn the signals that end a command into one ``KeyboardInterrupt``."""

from __future__ import annotations

import math
import signal
import time

APART = 1.0
"""Seconds within which signals count as one."""


class _Interrupt:
    """A signal handler that raises ``KeyboardInterrupt``, but not again within a second.

    A second one would break off the clean end that the first began. ``timeout`` and ``make`` send a signal to the whole
    group of processes, and ``make`` then sends it to the command once more.
    """

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._last > APART:
            self._last = now
            raise KeyboardInterrupt


def handle_interrupts() -> None:
    """Let SIGTERM, which batch systems send before they end a job, interrupt a command as Ctrl-C does."""
    handler = _Interrupt()
    signal.signal(signal.SIGTERM, handler)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started the command ignores it
        signal.signal(signal.SIGINT, handler)
