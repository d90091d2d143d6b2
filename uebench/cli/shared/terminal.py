"""Safe output on the terminal: text without control characters, on streams that may be full, closed or ASCII."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress

import typer

from uebench.errors import StoreError, in_words

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters other than tab and newline, and characters that change the direction of writing."""


def visible(text: str) -> str:
    r"""Return a text with control characters escaped, as ``\x1b``: names of users and plugins may contain them."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def say(text: str, *, end: str = "\n") -> None:
    """Write a text on stdout."""
    typer.echo(visible(text) + end, nl=False)


def prepare() -> None:
    """Let stdout escape the characters that its encoding lacks, as stderr does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Flush stdout while an error can still be reported.

    Raises:
        OSError: If it cannot be flushed.
    """
    if sys.stdout:
        sys.stdout.flush()


def drop_stdout() -> None:
    """Discard further output on stdout, on which the interpreter would otherwise fail at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """Write an error on stderr, as one line."""
    with suppress(OSError):
        sys.stderr.write(f"uebench: {visible(' '.join(message.split()))}\n")


def of_system(error: OSError) -> StoreError:
    """Return the error for an ``OSError`` that no other code has handled, of a file or of the output."""
    problem = f"{os.fsdecode(error.filename)}: cannot be used" if error.filename else "the output cannot be written"
    return StoreError(f"{problem} ({in_words(error)})")
