"""Read and write grids as TOML files."""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Collection, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from uebench.errors import DataError, UsageError, in_words, nearest
from uebench.planning.grid import Grid
from uebench.planning.study import StudySpec
from uebench.plugins.validation import validate
from uebench.regular_files import read_regular
from uebench.store.atomic import write

LARGEST = 1_000_000
"""The most bytes of a file."""
_DOTS = 500
"""The most dots in a line. The parser's time grows with the square of the parts of a name, as in ``a.a.a``."""


def read_grid(file: Path | None, given: Mapping[str, Any]) -> Grid:
    """Read a grid from a TOML file and replace some of its fields.

    Args:
        file: The file, or None for an empty grid.
        given: Fields of ``Grid`` that replace those of the file.

    Raises:
        UsageError: If the result is not a valid grid, or names no method or no attacker.
        DataError: If the file cannot be read.
    """
    options = _options(file) if file else {}
    options |= given
    for name in ("method", "attacker"):
        if not options.get(name):
            raise UsageError(f"no {name} given; uebench list {name}s shows what there is")
    return validate(Grid, options, "grid")


def _options(file: Path) -> dict[str, Any]:
    options = read_toml(file, Grid.model_fields, StudySpec.model_fields)
    listed = [options[name] for name in ("data", "method", "attacker") if isinstance(options.get(name), list)]
    if not options.keys() <= Grid.model_fields.keys() or any(isinstance(one, dict) for one in chain(*listed)):
        raise UsageError(f"{file}: this is a study; compute it with uebench study run {file}")
    return options


def read_toml(file: Path, known: Collection[str], others: Collection[str] = ()) -> dict[str, Any]:
    """Return the contents of a TOML file.

    Args:
        file: The file.
        known: The names allowed at the top level.
        others: Names that are allowed too, but that no message suggests.

    Raises:
        UsageError: If the file is not valid TOML, is too large, or has another name at the top level.
        DataError: If the file cannot be read.
    """
    too_much = UsageError(f"{file}: has more than {LARGEST} bytes, or {_DOTS} dots in a line; write less")
    try:
        content = read_regular(file, LARGEST)
        if any(line.count(b".") > _DOTS for line in content.splitlines()):
            raise too_much
        options = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise too_much from None
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    except ValueError as error:
        raise UsageError(f"{file}: not valid TOML ({error})") from None
    except RecursionError:
        raise UsageError(f"{file}: not valid TOML; its brackets are nested too deeply") from None
    for name in options:
        if name not in known and name not in others:
            raise UsageError(f"{file}: unknown name {name!r}; {nearest(name, known)}")
    return options


def write_grid(file: Path, grid: Grid) -> None:
    """Write a grid as a TOML file that ``read_grid`` reads.

    Raises:
        UsageError: If a name in the grid has bytes that are no text.
        StoreError: If the file cannot be written.
    """
    import tomli_w

    content = tomli_w.dumps(grid.model_dump(mode="json", exclude_defaults=True))
    try:
        content.encode()
    except UnicodeEncodeError as error:
        culprit = ascii(content[: error.end].rsplit('"', 1)[-1])
        raise UsageError(f"{file}: cannot name {culprit}, whose bytes are no UTF-8; rename it") from None
    write(file, content)
