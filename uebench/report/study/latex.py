"""The table of a study in LaTeX, ready for a paper; it needs the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from uebench.report.latex import END, escaped
from uebench.report.study.blocks import AS_GOOD, BEST, DIFFERS, DataBlock, Number, StudyTable

MARKS = {DIFFERS: "*", AS_GOOD: r"\dagger"}


def render(table: StudyTable) -> str:
    """Return a table environment for each kind of block, to fit on a page, with the notes below the first one."""
    lines = [r"% It needs \usepackage{booktabs}"]
    kinds = [list(blocks) for _, blocks in groupby(table.blocks, lambda block: (block.kind, block.columns))]
    for number, blocks in enumerate(kinds):
        first = blocks[0]
        lines += [
            r"\begin{table}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escaped(table.title)}{f': {escaped(first.heading or first.data)}' if number else ''}}}",
            rf"\label{{{table.label}{f':{first.kind}' if number else ''}}}",
            *_tabular(blocks),
            *([] if number else _notes(table)),
            r"\end{table}",
        ]
    return "\n".join(lines) + "\n"


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
    first = blocks[0]
    rows = [row.numbers for block in blocks for _, section in block.sections for row in section]
    ends = [_end(end) for numbers in rows for number in numbers for end in number.interval or ()]
    width = max(map(len, ends), default=0)
    blanks = [_blank(column, width) for column in zip(*rows, strict=True)]
    yield rf"\begin{{tabular}}{{{'l' * (1 + grouped)}{'r' * (len(first.columns) + first.has_seeds)}}}"
    yield r"\toprule"
    yield from _header(first, grouped)
    for block in blocks:
        yield r"\midrule"
        yield from _block(block, grouped, width, blanks)
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


def _block(block: DataBlock, grouped: bool, width: int, blanks: Sequence[str]) -> Iterator[str]:
    columns = 1 + grouped + len(block.columns) + block.has_seeds
    yield _line([rf"\multicolumn{{{columns}}}{{l}}{{\emph{{{escaped(block.title)}}}}}"])
    for group, section in block.sections:
        yield r"\midrule" if group else r"\addlinespace"
        for number, row in enumerate(section):
            numbers = [_number(one, width, blank) for one, blank in zip(row.numbers, blanks, strict=True)]
            cells = [escaped(row.name), *numbers]
            if grouped:
                cells.insert(0, escaped(group) if number == 0 else "")
            if block.has_seeds:
                cells.append(row.seeds.replace("x", r"$\times$"))
            yield _line(cells)


def _number(number: Number, width: int, blank: str) -> str:
    """Return a mean with its interval and marks, padded so that the means of its column are aligned.

    Args:
        number: The number.
        width: The length of the longest end of an interval in its table.
        blank: The widest text beside a mean of its column; empty if there is none.
    """
    value = "--" if number.value == "-" else re.sub("^-", "$-$", number.value)
    value = rf"\textbf{{{value}}}" if number.best else value
    if number.interval:
        beside = f"[{', '.join(_padded(end, width) for end in number.interval)}]"
    elif number.remark:
        beside = number.remark
    else:
        return rf"{value} {{\footnotesize\phantom{{{blank}}}}}" if blank else value
    marks = "".join(MARKS[mark] for mark in number.marks)
    raised = rf"\rlap{{$^{{{marks}}}$}}" if marks else ""
    return rf"{value} {{\footnotesize {beside}}}{raised}"


def _padded(end: float, width: int) -> str:
    missing = width - len(_end(end))
    return rf"\phantom{{{'0' * missing}}}{_end(end)}" if missing else _end(end)


def _end(end: float) -> str:
    return f"{end:.1f}"


def _blank(numbers: Sequence[Number], width: int) -> str:
    """Return the widest text beside a mean of a column; all columns of intervals have the same."""
    if any(number.interval for number in numbers):
        zeros = "0.0".rjust(width, "0")
        return f"[{zeros}, {zeros}]"
    return max((number.remark for number in numbers), key=len)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + END
