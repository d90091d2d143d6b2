"""The table of a study in LaTeX, as a journal would set it; it needs the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tabulate import LATEX_ESCAPE_RULES

from uebench.report.study_table import AS_GOOD, BEST, DIFFERS, DataBlock, Number, Row, StudyTable

MARKS = {DIFFERS: "*", AS_GOOD: r"\dagger"}
END = r" \\"


def render(table: StudyTable) -> str:
    """Return a table environment: caption, label, a tabular with all data sets, and the notes below it."""
    grouped = any(block.has_groups for block in table.blocks)
    first, digits = table.blocks[0], _digits(table.blocks)
    lines = [
        r"% It needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escaped(table.title)}}}",
        rf"\label{{{table.label}}}",
        rf"\begin{{tabular}}{{{'ll' if grouped else 'l'}{'r' * len(first.columns)}r}}",
        r"\toprule",
        *_header(first.columns, grouped),
    ]
    for block in table.blocks:
        lines += [r"\midrule", *_block(block, grouped, digits)]
    notes = "; ".join(table.notes).replace(BEST, "bold")
    lines += [
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\medskip\begin{minipage}{\linewidth}\footnotesize",
        f"{escaped(notes)}.",
        r"\end{minipage}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return text in which nothing is a command."""
    plain = "".join(LATEX_ESCAPE_RULES.get(sign, sign) for sign in text)
    return plain.replace(AS_GOOD, r"$\dagger$")


def _header(columns: Sequence[tuple[str, str]], grouped: bool) -> Iterator[str]:
    """Yield the groups of the attackers with a rule under each, then their names."""
    stub = 1 + grouped
    if any(group for group, _ in columns):
        cells, rules, start = [""] * stub, [], stub + 1
        for group, members in groupby(group for group, _ in columns):
            width = len(list(members))
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
            start += width
        yield _line([*cells, ""])
        yield " ".join(rules)
    names = [rf"\multicolumn{{1}}{{c}}{{{escaped(name)}}}" for _, name in columns]
    yield _line([*[""] * grouped, "method", *names, "seeds"])


def _block(block: DataBlock, grouped: bool, digits: int) -> Iterator[str]:
    width = 2 + grouped + len(block.columns)
    yield _line([rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escaped(block.title)}}}}}"])
    for group, section in block.sections:
        yield r"\midrule" if group else r"\addlinespace"
        for number, row in enumerate(section):
            yield _line([*[escaped(group) * (number == 0)] * grouped, *_row(row, digits)])


def _row(row: Row, digits: int) -> list[str]:
    return [escaped(row.name), *(_number(one, digits) for one in row.numbers), row.seeds.replace("x", r"$\times$")]


def _number(number: Number, digits: int) -> str:
    """Return the mean and its interval; the means of a column stand below each other, and marks beside it."""
    value = "--" if number.value == "-" else number.value
    value = rf"\textbf{{{value}}}" if number.best else value
    if not number.interval:
        return rf"{value} {{\footnotesize\phantom{{[{'0' * digits}.0, {'0' * digits}.0]}}}}"
    ends = re.sub(r"\d+\.", lambda end: _padded(end[0], digits), number.interval)
    marks = "".join(MARKS[mark] for mark in number.marks)
    beside = rf"\rlap{{$^{{{marks}}}$}}" if marks else ""
    return rf"{value} {{\footnotesize {ends}}}{beside}"


def _padded(whole: str, digits: int) -> str:
    missing = digits + 1 - len(whole)
    return rf"\phantom{{{'0' * missing}}}{whole}" if missing else whole


def _digits(blocks: Iterable[DataBlock]) -> int:
    """Return with how many digits the longest end of an interval begins."""
    rows = (row for block in blocks for _, section in block.sections for row in section)
    ends = (end for row in rows for number in row.numbers for end in re.findall(r"(\d+)\.", number.interval))
    return max(map(len, ends), default=2)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + END
