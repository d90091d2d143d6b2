"""The table of a study in LaTeX, ready for a paper; it needs the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from uebench.report.latex import END, escaped
from uebench.report.study_blocks import AS_GOOD, BEST, DIFFERS, DataBlock, Number, Row, StudyTable

MARKS = {DIFFERS: "*", AS_GOOD: r"\dagger"}


def render(table: StudyTable) -> str:
    """Return a table environment for each kind of block, to fit on a page, with the notes below the first one."""
    lines = [r"% It needs \usepackage{booktabs}"]
    kinds = [list(blocks) for _, blocks in groupby(table.blocks, lambda block: (block.kind, block.columns))]
    for number, blocks in enumerate(kinds):
        lines += [
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escaped(table.title)}{f': {escaped(_kind(blocks[0]))}' if number else ''}}}",
            rf"\label{{{table.label}{f':{blocks[0].kind}' if number else ''}}}",
            *_tabular(blocks),
            *([] if number else _notes(table)),
            r"\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _kind(block: DataBlock) -> str:
    """Return the part of a block's title before the data set, which blocks of a kind have in common."""
    return block.title.partition(": ")[0]


def _notes(table: StudyTable) -> list[str]:
    notes = "; ".join(table.notes).replace(BEST, "bold")
    return [
        r"\par\medskip\begin{minipage}{\linewidth}\footnotesize",
        f"{escaped(notes)}.",
        r"\end{minipage}",
    ]


def _tabular(blocks: Sequence[DataBlock]) -> Iterator[str]:
    """Yield the lines of blocks with the same columns."""
    grouped = any(block.has_groups for block in blocks)
    first, blanks = blocks[0], _blanks(blocks)
    yield rf"\begin{{tabular}}{{{'l' * (1 + grouped)}{'r' * (len(first.columns) + first.has_seeds)}}}"
    yield r"\toprule"
    yield from _header(first, grouped)
    for block in blocks:
        yield r"\midrule"
        yield from _block(block, grouped, blanks)
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _header(block: DataBlock, grouped: bool) -> Iterator[str]:
    """Yield the groups of attackers with a rule under each, and then the attackers' names."""
    stub = ["", "method"] if grouped else ["method"]
    seeds = ["seeds"] if block.has_seeds else []
    if any(column.group for column in block.columns):
        cells, rules, start = [""] * len(stub), [], len(stub) + 1
        for group, members in groupby(column.group for column in block.columns):
            width = len(list(members))
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
            start += width
        yield _line([*cells, *[""] * len(seeds)])
        yield " ".join(rules)
    names = [rf"\multicolumn{{1}}{{c}}{{{escaped(column.name)}}}" for column in block.columns]
    yield _line([*stub, *names, *seeds])


def _block(block: DataBlock, grouped: bool, blanks: Sequence[str]) -> Iterator[str]:
    width = 1 + grouped + len(block.columns) + block.has_seeds
    yield _line([rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escaped(block.title)}}}}}"])
    for group, section in block.sections:
        yield r"\midrule" if group else r"\addlinespace"
        for number, row in enumerate(section):
            cells = _row(row, blanks)
            if grouped:
                cells.insert(0, escaped(group) if number == 0 else "")
            if block.has_seeds:
                cells.append(row.seeds.replace("x", r"$\times$"))
            yield _line(cells)


def _row(row: Row, blanks: Sequence[str]) -> list[str]:
    return [escaped(row.name), *(_number(number, blank) for number, blank in zip(row.numbers, blanks, strict=True))]


def _number(number: Number, blank: str) -> str:
    """Return a mean with its interval and marks, padded so that the means of its column are aligned.

    Args:
        number: The number.
        blank: The widest interval of its column; empty if there is none.
    """
    value = "--" if number.value == "-" else re.sub("^-", "$-$", number.value)
    value = rf"\textbf{{{value}}}" if number.best else value
    if not number.interval:
        return rf"{value} {{\footnotesize\phantom{{{blank}}}}}" if blank else value
    digits = len(blank.partition(".")[0]) - 1
    ends = re.sub(r"\d+\.", lambda end: _padded(end[0], digits), number.interval)
    marks = "".join(MARKS[mark] for mark in number.marks)
    beside = rf"\rlap{{$^{{{marks}}}$}}" if marks else ""
    return rf"{value} {{\footnotesize {ends}}}{beside}"


def _padded(whole: str, digits: int) -> str:
    missing = digits + 1 - len(whole)
    return rf"\phantom{{{'0' * missing}}}{whole}" if missing > 0 else whole


def _blanks(blocks: Sequence[DataBlock]) -> list[str]:
    """Return the widest text after a mean for each column; all columns of intervals have the same."""
    rows = [row for block in blocks for _, section in block.sections for row in section]
    columns = [[row.numbers[column].interval for row in rows] for column in range(len(blocks[0].columns))]
    ends = [end for texts in columns for text in texts for end in re.findall(r"(\d+)\.", text)]
    zeros = "0" * max(map(len, ends), default=2)
    return [
        f"[{zeros}.0, {zeros}.0]" if any(text.startswith("[") for text in texts) else max(texts, key=len)
        for texts in columns
    ]


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + END
