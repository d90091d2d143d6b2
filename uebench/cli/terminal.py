"""What reaches the terminal: text in which nothing acts on it, and streams that may be full, closed or ASCII."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress

import typer

from uebench.errors import StoreError, in_words

_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but the tabulator and the end of a line, and what turns the direction of writing."""


def visible(text: str) -> str:
    r"""Return a text in which names of users and plugins cannot control the terminal: escape becomes ``\x1b``."""
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str, *, end: str = "\n") -> None:
    """Write a text on stdout."""
    typer.echo(visible(text) + end, nl=False)


def prepare() -> None:
    """Let stdout show what its encoding lacks as escapes, as stderr does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write what waits to be written, while an error can still be told.

    Raises:
        OSError: If it cannot be written.
    """
    if sys.stdout:
        sys.stdout.flush()


def drop_stdout() -> None:
    """Let nothing more be written on stdout, so that the interpreter does not fail at it when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """Write an error on stderr, as one line."""
    with suppress(OSError):
        sys.stderr.write(f"uebench: {visible(' '.join(message.split()))}\n")


def of_system(error: OSError) -> StoreError:
    """Return an error of the system's that nobody has put into words: of a file, or of the output."""
    what = f"{os.fsdecode(error.filename)}: cannot be used" if error.filename else "the output cannot be written"
    return StoreError(f"{what} ({in_words(error)})")
