"""A page of tables in LaTeX, each with a caption; it needs the package booktabs. Studies have ``study/latex.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tabulate import LATEX_ESCAPE_RULES

if TYPE_CHECKING:
    from uebench.report.formats import Block, Page

END = r" \\"

NUMBER = re.compile(r"-|[-+<]?\d[\d.,]*( \[.*\])?\*?( \(.*\))?|\d+-\d+|\d+ x \d+(-\d+)?( / \d+ x \d+(-\d+)?)?")
"""The cells of right-aligned columns: numbers, with intervals or without, ranges of ranks, seeds, and dashes."""

RANGE, TIMES = re.compile(r"(?<=\d)-(?=\d)"), re.compile(r"(?<=\d) x (?=\d)")


def render(page: Page) -> str:
    """Return a table environment for each block; the notes of the page are comments."""
    lines = [r"% It needs \usepackage{booktabs}", *(f"% {_line(note)}" for note in page.notes)]
    for block in page.blocks:
        bold = f". Bold: {block.best_rule}" if block.best else ""
        lines += ["", *_table(f"{page.title}: {block.title}{bold}", block)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return a text with LaTeX's special characters escaped."""
    plain = "".join(LATEX_ESCAPE_RULES.get(sign, sign) for sign in text)
    return plain.replace("†", r"$\dagger$")


def _table(caption: str, block: Block) -> Iterator[str]:
    rows = [
        [_cell(text, (number, column) in block.best) for column, text in enumerate(row)]
        for number, row in enumerate(block.rows)
    ]
    columns = list(zip(*block.rows, strict=True)) or [("",)] * len(block.header)
    align = "".join("r" if all(map(NUMBER.fullmatch, column)) else "l" for column in columns)
    heads = [_head(text, column_align) for text, column_align in zip(block.header, align, strict=True)]
    yield from (r"\begin{table}", r"\centering\small", rf"\caption{{{escaped(_line(caption))}}}")
    yield from (rf"\begin{{tabular}}{{{align}}}", r"\toprule", " & ".join(heads) + END, r"\midrule")
    yield from (" & ".join(row) + END for row in rows)
    yield from (r"\bottomrule", r"\end{tabular}", r"\end{table}")


def _head(text: str, align: str) -> str:
    return rf"\multicolumn{{1}}{{{align}}}{{{escaped(_line(text))}}}"


def _cell(text: str, best: bool) -> str:
    shown = "--" if text == "-" else escaped(_line(text))
    if NUMBER.fullmatch(text):
        shown = RANGE.sub("--", TIMES.sub(r" $\\times$ ", shown))
    if not best:
        return shown
    value, space, rest = shown.partition(" ")
    return rf"\textbf{{{value}}}{space}{rest}"


def _line(text: str) -> str:
    """Return a text on one line, so that a comment cannot end inside it."""
    return " ".join(text.split())
