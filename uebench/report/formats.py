"""Pages of tables, and their formats: text, Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from uebench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {"text": "plain", "md": "github", "tex": "", "html": "html", "csv": ""}
"""Format -> its name in the package tabulate; empty if it cannot write them. CSV has a row per place, and no blocks."""

MARKUP = {
    "text": ("{}", "{}", "{}"),
    "md": ("## {}", "**{}**", "- {}"),
    "html": ("<h2>{}</h2>", "<h3>{}</h3>", "<p>{}</p>"),
}
"""Format -> markup of the title, of the title of a block, and of a note."""
_MARKDOWN = re.compile(r"[\\`*~]|\](?=[(\[])|\b_|_\b")
"""What Markdown takes for emphasis, code or a link; it leaves underscores inside a word alone."""


class Markup(str):
    """A text in the markup of the format that it is written in, which is not escaped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A table with a title.

    Attributes:
        title: The title.
        header: The names of the columns.
        rows: The cells of each row.
        best: Row and column of each number that is bold in LaTeX.
        best_rule: What these numbers are, for the caption.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: Collection[tuple[int, int]] = ()
    best_rule: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of tables.

    Attributes:
        title: The title.
        blocks: The tables for readers.
        notes: The notes below them.
        rows: The rows for programs, with full precision.
        columns: The columns of ``rows``; empty for the keys of the first row.
    """

    title: str
    blocks: Sequence[Block]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]
    columns: Sequence[str] = ()

    def document(self) -> dict[str, object]:
        """Return the page as JSON values, without the tables for readers."""
        return {"title": self.title, "rows": self.rows, "notes": self.notes}

    def frame(self) -> pd.DataFrame:
        """Return the rows for programs."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(self.columns) or None)

    def text(self, form: str = "text") -> str:
        """Return the tables for readers with their notes.

        Args:
            form: ``text``, ``md``, ``tex``, ``html`` or ``csv``.

        Raises:
            UsageError: If there is no such format.
        """
        check(form)
        if form == "csv":
            return _csv(self.rows, self.columns or tuple(self.rows[0]))
        if form == "tex":
            from uebench.report import latex

            return latex.render(self)
        from tabulate import tabulate

        heading, title, note = MARKUP[form]
        parts = [heading.format(_escaped(self.title, form))]
        for block in self.blocks:
            parts.append(title.format(_escaped(block.title, form)))
            header, *rows = ([_cell(text, form) for text in row] for row in (block.header, *block.rows))
            parts.append(tabulate(rows, header, tablefmt=FORMATS[form], disable_numparse=True))
        parts.append("\n".join(note.format(_escaped(text, form)) for text in self.notes))
        return "\n\n".join(parts) + "\n"

    def __str__(self) -> str:
        """Return the page as plain text."""
        return self.text()

    def _repr_html_(self) -> str:
        """Return the page as notebooks show it."""
        return self.text("html")


def check(form: str) -> None:
    """Check a format, before any work.

    Raises:
        UsageError: If there is no such format.
    """
    if form not in FORMATS:
        raise UsageError(f"format {form!r}: unknown; {nearest(form, FORMATS)}")


def _escaped(text: str, form: str) -> str:
    """Return a text on one line, escaped because names of users and plugins may contain markup."""
    line = " ".join(text.split())
    if isinstance(text, Markup):
        return line
    if form == "md":
        return _MARKDOWN.sub(r"\\\g<0>", line).replace("<", "&lt;")
    return escape(line) if form == "html" else line


def _cell(text: str, form: str) -> str:
    """Return the escaped text of a cell; in HTML, tabulate escapes it."""
    return _escaped(text, form).replace("|", "\\|") if form == "md" else " ".join(text.split())


def _csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: " ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()}
        )
    return file.getvalue()
