"""The table of a study as text, Markdown, LaTeX, CSV, HTML or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.errors import UsageError, nearest
from uebench.report import files, formats
from uebench.report.study import latex
from uebench.report.study.blocks import BEST, Column, DataBlock, Number, StudyTable
from uebench.report.study.rows import COLUMNS
from uebench.store import atomic

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (*formats.FORMATS, "parquet")
SUFFIXES = {".txt": "text", ".md": "md", ".tex": "tex", ".html": "html", ".csv": "csv", ".parquet": "parquet"}
"""Suffix of a file -> format."""

NAMES_OF_BEST = {"text": "‡", "tex": "bold"}
NOT_TEXT = "format 'parquet': not a text format; name a file to write"


def check(form: str, file: Path | None) -> str:
    """Check a format and a file before any work, and return the format.

    Args:
        form: One of ``FORMATS``; if empty, the suffix of the file decides, or it is ``text`` without a file.
        file: The file for the table; None to return it as text.

    Raises:
        UsageError: If there is no such format, or it needs a file or a package that is missing.
        StoreError: If the folder does not exist.
    """
    if file:
        files.check(file, "--out", SUFFIXES)
    form = form or (SUFFIXES[file.suffix.lower()] if file else "text")
    if form not in FORMATS:
        raise UsageError(f"format {form!r}: unknown; {nearest(form, FORMATS)}")
    if form == "parquet":
        if file is None:
            raise UsageError(NOT_TEXT)
        files.check_parquet(file)
    return form


def frame(table: StudyTable) -> pd.DataFrame:
    """Return one row per place with the columns of ``rows.COLUMNS``."""
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
    return _html(table) if form == "html" else page(table, form).text(form)


def write(table: StudyTable, file: Path, form: str) -> None:
    """Write a table to a file.

    Args:
        table: The table.
        file: The file.
        form: One of ``FORMATS``.

    Raises:
        UsageError: If the format needs a package that is missing.
        StoreError: If the file cannot be written.
    """
    if form == "parquet":
        files.check_parquet(file)
        atomic.write(file, frame(table).to_parquet(index=False), "--out")
    else:
        atomic.write(file, render(table, form), "--out")


def page(table: StudyTable, form: str = "text") -> formats.Page:
    """Return the table of a study as a page.

    Args:
        table: The table.
        form: The format of the page, which decides how the best number is marked.
    """
    write_number = _in_markdown if form == "md" else _in_text
    blocks = [_flat(block, write_number) for block in table.blocks]
    return formats.Page(table.title, blocks, notes(table, form), table.rows, tuple(COLUMNS))


def notes(table: StudyTable, form: str) -> list[str]:
    """Return the notes of a table for a format, which decides how the best number is marked."""
    return [note.replace(BEST, NAMES_OF_BEST.get(form, "bold")) for note in table.notes]


def _flat(block: DataBlock, write_number: Callable[[Number], str]) -> formats.Block:
    """Return a block without nesting: groups of attackers are in the header, groups of methods in a column."""
    groups = ["group"] if block.has_groups else []
    seeds = ["seeds"] if block.has_seeds else []
    rows = []
    for group, section in block.sections:
        for number, row in enumerate(section):
            cells = [row.name, *map(write_number, row.numbers)]
            if block.has_groups:
                cells.insert(0, group if number == 0 else "")
            if block.has_seeds:
                cells.append(row.seeds)
            rows.append(cells)
    return formats.Block(block.title, [*groups, "method", *map(_heading, block.columns), *seeds], rows)


def _heading(column: Column) -> str:
    """Return the heading of a column; columns of reported accuracies do not repeat the group."""
    return f"{column.group}: {column.name}" if column.group and not column.of_others else column.name


def _in_text(number: Number) -> str:
    best = NAMES_OF_BEST["text"] if number.best else ""
    return f"{number.value} {number.beside}{number.marks}{best}".strip()


def _in_markdown(number: Number) -> str:
    value = f"**{number.value}**" if number.best else number.value
    marks = number.marks.replace("*", r"\*")
    return formats.Markup(f"{value} {number.beside}{marks}".strip())


def _html(table: StudyTable) -> str:
    """Return an HTML fragment in which headers span the columns and rows of a group."""
    parts = [f"<h2>{escape(table.title)}</h2>"]
    for block in table.blocks:
        parts += [f"<h3>{escape(block.title)}</h3>", _html_block(block)]
    parts += [f"<p>{escape(note)}</p>" for note in notes(table, "html")]
    return "\n".join(parts) + "\n"


def _html_block(block: DataBlock) -> str:
    import pandas as pd

    rows = [(group, row) for group, section in block.sections for row in section]
    columns = [(column.group, column.name) for column in block.columns]
    lines = [list(map(_in_html, row.numbers)) for _, row in rows]
    if block.has_seeds:
        columns.append(("", "seeds"))
        lines = [[*line, row.seeds] for line, (_, row) in zip(lines, rows, strict=True)]
    names = [(group, row.name) for group, row in rows]
    cells = pd.DataFrame(lines, index=_index(names, "method"), columns=_index(columns, None))
    return str(cells.to_html(escape=False, border=0, justify="left", index_names=False))


def _index(names: Sequence[tuple[str, str]], title: str | None) -> pd.Index:
    """Return an index of groups and names, without the groups if there are none."""
    import pandas as pd

    escaped = [(escape(group), escape(name)) for group, name in names]
    if any(group for group, _ in escaped):
        return pd.MultiIndex.from_tuples(escaped, names=["group" if title else None, title])
    return pd.Index([name for _, name in escaped], name=title)


def _in_html(number: Number) -> str:
    value = f"<strong>{number.value}</strong>" if number.best else number.value
    marks = f"<sup>{number.marks}</sup>" if number.marks else ""
    return f"{value} {number.beside}{marks}".strip()
