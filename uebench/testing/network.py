"""No network: an attempt to reach one is refused and remembered, also where a plugin swallows the error."""

from __future__ import annotations

import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache

from uebench.testing.lines import own_line

LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
INTERNET = (socket.AF_INET, socket.AF_INET6)

_watches: list[tuple[Collection[str], list[str]]] = []


class NetworkError(OSError):
    """A plugin tried to reach the network."""


@contextmanager
def offline(files: Collection[str]) -> Iterator[list[str]]:
    """Refuse internet sockets and look-ups of names.

    Args:
        files: A plugin's own.

    Yields:
        The line of each attempt, in these files if one of them is being executed.
    """
    _install()
    attempts: list[str] = []
    _watches.append((files, attempts))
    try:
        yield attempts
    finally:
        _watches.pop()


@cache
def _install() -> None:
    """Add the hook, once: Python has no way to remove one."""
    sys.addaudithook(_refuse)


def _refuse(event: str, details: tuple[object, ...]) -> None:
    if not event.startswith("socket.") or not _watches:
        return
    if event in LOOKUPS or (event == "socket.__new__" and details[1] in INTERNET):
        files, attempts = _watches[-1]
        attempts.append(own_line(files))
        raise NetworkError("the network is not there for plugins")
