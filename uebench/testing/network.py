"""Keep plugins off the network: an attempt to reach it fails and is recorded, even if the plugin hides the error."""

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
    """Refuse internet sockets and look-ups of hosts.

    Args:
        files: The files of a plugin.

    Yields:
        A list that gets the line of each attempt in these files; empty if it came from elsewhere.
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
    """Add the hook once, because Python cannot remove it."""
    sys.addaudithook(_refuse)


def _refuse(event: str, details: tuple[object, ...]) -> None:
    if not event.startswith("socket.") or not _watches:
        return
    if event in LOOKUPS or (event == "socket.__new__" and details[1] in INTERNET):
        files, attempts = _watches[-1]
        attempts.append(own_line(files))
        raise NetworkError("plugins have no access to the network")
