"""Read the numbers that others report for a study, from a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from uebench.errors import UsageError, nearest, reading
from uebench.planning.grid_file import LARGEST
from uebench.planning.study import Reported
from uebench.plugins.validation import validate
from uebench.regular_files import read_regular

COLUMNS = ("method", "attacker", "accuracy", "source")
"""The columns of every file; ``data`` is needed too if the study has several data sets."""


def read_reported(file: Path, names: Mapping[str, Sequence[str]]) -> tuple[Reported, ...]:
    """Return the numbers of a CSV file.

    Args:
        file: Its columns are ``COLUMNS`` and, if the study has several data sets, ``data``.
        names: The study's names for each kind: ``method``, ``attacker`` and ``data``.

    Raises:
        UsageError: If the file is not valid, names something that is not in the study, or gives a number twice.
        DataError: If it cannot be read.
    """
    with reading(file):
        content = read_regular(file, LARGEST)
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, strict=True)
        _check_header(file, reader.fieldnames or (), names)
        rows = [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not valid CSV ({error})") from None
    numbers: dict[tuple[str, str, str], Reported] = {}
    for line, row in rows:
        where = f"{file}: line {line}"
        values = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        if None in row:
            raise UsageError(f"{where}: it has more fields than the header; put texts with commas in quotation marks")
        if not values.get("data"):
            if len(names["data"]) > 1:
                raise UsageError(f"{where}: it names no data set; {nearest('', names['data'])}")
            values["data"] = names["data"][0]
        for kind, known in names.items():
            if values[kind] not in known:
                raise UsageError(f"{where}: no {kind} {values[kind]!r} in this study; {nearest(values[kind], known)}")
        number: Reported = validate(Reported, values, where)
        place = number.data, number.method, number.attacker
        if place in numbers:
            raise UsageError(f"{where}: {number.method} against {number.attacker} is there twice; leave one out")
        numbers[place] = number
    return tuple(numbers.values())


def _check_header(file: Path, given: Sequence[str], names: Mapping[str, Sequence[str]]) -> None:
    known = (*COLUMNS, "data")
    for name in given:
        if name not in known:
            raise UsageError(f"{file}: unknown column {name!r}; {nearest(name, known)}")
    for name in known if len(names["data"]) > 1 else COLUMNS:
        if name not in given:
            raise UsageError(f"{file}: no column {name!r}; it needs {', '.join(COLUMNS)}")
