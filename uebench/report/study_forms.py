"""The table of a study as text, Markdown, LaTeX, CSV, HTML or Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.errors import UsageError, nearest
from uebench.report import files, latex, tables
from uebench.report.study_blocks import BEST, Column, DataBlock, Number, StudyTable
from uebench.report.study_rows import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (*tables.FORMATS, "parquet")
SUFFIXES = {".txt": "text", ".md": "md", ".tex": "tex", ".html": "html", ".csv": "csv", ".parquet": "parquet"}
"""What a file's name ends with -> the format that it asks for."""

NAMES_OF_BEST = {"text": "‡", "tex": "bold"}
NOT_TEXT = "format 'parquet': it is not text; name a file to write"


def check(form: str, file: Path | None) -> str:
    """Return the format that a caller wants, before any work is done.

    Args:
        form: One of ``FORMATS``; what the file's name says if empty, ``text`` without a file.
        file: Where the table goes; None for text.

    Raises:
        UsageError: If there is no such format, or it needs a file or a package that is missing.
        StoreError: If there is no such folder.
    """
    if file:
        files.check(file, "--out", SUFFIXES)
    form = form or (SUFFIXES[file.suffix.lower()] if file else "text")
    if form not in FORMATS:
        raise UsageError(f"format {form!r}: unknown; {nearest(form, FORMATS)}")
    if form == "parquet":
        _check_parquet(file)
    return form


def frame(table: StudyTable) -> pd.DataFrame:
    """Return one row per place with the columns of ``study_rows.COLUMNS``."""
    import pandas as pd

    return pd.DataFrame(table.rows, columns=list(COLUMNS))


def render(table: StudyTable, form: str) -> str:
    """Write a table in one of ``FORMATS`` but Parquet.

    Raises:
        UsageError: If there is no such format.
    """
    check(form, None)
    if form == "tex":
        return latex.render(table)
    return _html(table) if form == "html" else tables.render(page(table, form), form)


def write(table: StudyTable, file: Path, form: str) -> None:
    """Write a table to a file.

    Args:
        table: What to write.
        file: Where it goes.
        form: One of ``FORMATS``.

    Raises:
        UsageError: If the format needs a package that is missing.
        StoreError: If the file cannot be written.
    """
    with files.writing(file, "--out"):
        if form == "parquet":
            _check_parquet(file)
            frame(table).to_parquet(file, index=False)
        else:
            file.write_text(render(table, form), encoding="utf-8")


def page(table: StudyTable, form: str = "text") -> tables.Page:
    """Return a table as the page of any other; ``form`` decides how the best is shown."""
    clean, written = (_markdown, _in_markdown) if form == "md" else (str, _in_text)
    blocks = [_flat(block, clean, written) for block in table.blocks]
    foot = [clean(note) for note in notes(table, form)]
    return tables.Page(clean(table.title), blocks, foot, table.rows, tuple(COLUMNS))


def notes(table: StudyTable, form: str) -> list[str]:
    """Return the notes of a table, which name the way in which a format shows the best."""
    return [note.replace(BEST, NAMES_OF_BEST.get(form, "bold")) for note in table.notes]


def _flat(block: DataBlock, clean: Callable[[str], str], written: Callable[[Number], str]) -> tables.Block:
    """Return a block whose groups are in the header, and in a column of their own."""
    header = ["method", *map(_heading, block.columns), *["seeds"] * block.has_seeds]
    rows = []
    for group, section in block.sections:
        for number, row in enumerate(section):
            line = [clean(row.name), *map(written, row.numbers), *[row.seeds] * block.has_seeds]
            rows.append([clean(group) * (number == 0), *line] if block.has_groups else line)
    return tables.Block(clean(block.title), [*["group"][: block.has_groups], *map(clean, header)], rows)


def _heading(column: Column) -> str:
    """Return the name of a column with its group; what others report needs none, as it stands beside the measured."""
    return f"{column.group}: {column.name}" if column.group and not column.of_others else column.name


def _in_text(number: Number) -> str:
    best = NAMES_OF_BEST["text"] * number.best
    return f"{number.value} {number.interval}{number.marks}{best}".strip()


def _in_markdown(number: Number) -> str:
    value = f"**{number.value}**" if number.best else number.value
    return f"{value} {number.interval}{_markdown(number.marks)}".strip()


def _markdown(text: str) -> str:
    return re.sub(r"([|*_`\\<])", r"\\\1", text)


def _html(table: StudyTable) -> str:
    """Return a fragment of HTML: headers span the columns and rows of a group."""
    parts = [f"<h2>{escape(table.title)}</h2>"]
    for block in table.blocks:
        parts += [f"<h3>{escape(block.title)}</h3>", _html_block(block)]
    parts += [f"<p>{escape(note)}</p>" for note in notes(table, "html")]
    return "\n".join(parts) + "\n"


def _html_block(block: DataBlock) -> str:
    import pandas as pd

    rows = [(group, row) for group, section in block.sections for row in section]
    shown = pd.DataFrame(
        [[*map(_in_html, row.numbers), *[row.seeds] * block.has_seeds] for _, row in rows],
        index=_axis([(group, row.name) for group, row in rows], "method"),
        columns=_axis([*(one[:2] for one in block.columns), *[("", "seeds")] * block.has_seeds], None),
    )
    return str(shown.to_html(escape=False, border=0, justify="left", index_names=False))


def _axis(names: Sequence[tuple[str, str]], title: str | None) -> pd.Index:
    """Return groups and names as an axis, without the groups if there are none."""
    import pandas as pd

    clean = [(escape(group), escape(name)) for group, name in names]
    if any(group for group, _ in clean):
        return pd.MultiIndex.from_tuples(clean, names=["group" if title else None, title])
    return pd.Index([name for _, name in clean], name=title)


def _in_html(number: Number) -> str:
    value = f"<strong>{number.value}</strong>" if number.best else number.value
    marks = f"<sup>{number.marks}</sup>" if number.marks else ""
    return f"{value} {number.interval}{marks}".strip()


def _check_parquet(file: Path | None) -> None:
    from importlib.util import find_spec

    if file is None:
        raise UsageError(NOT_TEXT)
    if not find_spec("pyarrow"):
        raise UsageError("format 'parquet': it needs the package pyarrow; pip install pyarrow")
