"""A filled table of the paper as text, Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from uebench.errors import UsageError, nearest
from uebench.paper.fill import Entry, Filled
from uebench.paper.tables import ROLES
from uebench.paper.verdicts import RULES, at_chance, order

FORMATS = {"text": "plain", "md": "github", "tex": "latex_booktabs", "html": "html", "csv": ""}
"""Formats, and what the package tabulate calls them; CSV holds one row a place instead of the blocks."""

MARKUP = {
    "text": ("{}", "{}", "{}"),
    "md": ("## {}", "**{}**", "- {}"),
    "tex": ("% {}", "% {}", "% {}"),
    "html": ("<h2>{}</h2>", "<h3>{}</h3>", "<p>{}</p>"),
}
"""How a format writes the title, the title of a block, and a note."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows under a title."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown of a table.

    Attributes:
        title: Its title.
        blocks: For people.
        notes: At the foot.
        rows: For programs, with numbers in full.
    """

    title: str
    blocks: Sequence[Block]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]

    def document(self) -> dict[str, object]:
        """Return it for programs."""
        return {"title": self.title, "rows": self.rows, "notes": self.notes}


def page(filled: Filled, preset: str) -> Page:
    """Arrange a filled table: a block for each data set, the verdicts, and the gaps with their reasons."""
    table = filled.table
    roles: dict[str, list[Entry]] = {}
    for entry in filled.entries:
        roles.setdefault(entry.place.role, []).append(entry)
    blocks = [_block(role, entries) for role, entries in roles.items()]
    notes = [f"preset {preset}"]
    if any(entry.place.metric == "accuracy" for entry in filled.entries):
        notes.append("intervals are 95 %: Wilson's for one seed, Student's t for several")
    if any(entry.place.method and entry.reported is not None for entry in filled.entries):
        blocks.append(verdicts(filled.entries))
        notes += [f"{name}: {rule}" for name, rule in RULES.items()]
    if table.note:
        notes.append(table.note)
    return Page(
        f"{table.heading}. {table.title}",
        blocks,
        notes + gaps(filled.entries),
        [_row(table.name, e) for e in filled.entries],
    )


def _row(table: str, entry: Entry) -> dict[str, object]:
    place = entry.place
    return {
        "table": table,
        "row": place.row, "setting": place.setting, "column": place.column, "metric": place.metric,
        "role": place.role, "data": entry.data, "measured": entry.value, "low": entry.low, "high": entry.high,
        "seeds": entry.seeds, "reported_on": ROLES[place.role], "reported": entry.reported,
        "difference": entry.difference, "chance": entry.chance, "clean": entry.clean, "at_chance": at_chance(entry),
        "reason": entry.reason, "keys": list(entry.keys),
    }  # fmt: skip


def _block(role: str, entries: list[Entry]) -> Block:
    """Return the places of one role, with the columns that their metric asks for."""
    metric = entries[0].place.metric
    data = next((f" on {entry.data}" for entry in entries if entry.data), "")
    paper = ROLES[role]
    conditions = [entry.place.column for entry in entries]
    entries = sorted(entries, key=lambda entry: conditions.index(entry.place.column))
    columns = [("method" if entries[0].place.method else "set", [entry.place.label for entry in entries])]
    if len(set(conditions)) > 1:
        columns.append(("condition", [entry.place.column for entry in entries]))
    unit = {"accuracy": ", %", "seconds": ", s"}.get(metric, "")
    columns += [
        (
            f"measured{data}{unit}{' [95 %]' if metric == 'accuracy' else ''}",
            [_measured(entry) for entry in entries],
        ),
        (f"reported on {paper}{unit}", [number(entry.reported, entry) for entry in entries]),
    ]
    if metric == "seconds":
        columns += [
            ("measured / segue's", _ratios([entry.value for entry in entries], entries)),
            ("reported / segue's", _ratios([entry.reported for entry in entries], entries)),
        ]
    else:
        columns.append(("difference", [number(entry.difference, entry, sign="+") for entry in entries]))
    if metric == "accuracy":
        columns += [
            ("seeds", [str(entry.seeds or "-") for entry in entries]),
            ("clean ref. %", [number(entry.clean, entry) for entry in entries]),
            ("chance %", [number(entry.chance, entry) for entry in entries]),
            ("at chance", [_at_chance(entry) for entry in entries]),
        ]
    return Block(paper, [name for name, _ in columns], list(zip(*(cells for _, cells in columns), strict=True)))


def _at_chance(entry: Entry) -> str:
    if entry.interval is None:
        return "-"
    return {None: "undecided", True: "yes", False: "no"}[at_chance(entry)]


def verdicts(entries: Sequence[Entry]) -> Block:
    """Return the verdict on each method of a table; the rules are in ``paper/verdicts.py``."""
    rows = []
    for label in dict.fromkeys(entry.place.label for entry in entries if entry.place.row != "clean"):
        found = order(label, entries)
        answers = [at_chance(entry) for entry in entries if entry.place.label == label and entry.value is not None]
        known = [answer for answer in answers if answer is not None]
        pairs = f"{found.agree} as reported, {found.against} against, {found.undecided} undecided"
        rows.append((label, found.verdict, pairs, f"{sum(known)} of {len(known)}" if known else "-"))
    return Block("Verdicts", ("method", "the paper's order", "pairs", "at chance"), rows)


def gaps(entries: Iterable[Entry]) -> list[str]:
    """Return a line for each reason why places are empty."""
    missing: dict[str, list[str]] = {}
    for entry in entries:
        if entry.value is None:
            missing.setdefault(entry.reason, []).append(f"{entry.place.label} at {entry.place.column}")
    return [
        f"gap: {', '.join(places[:3])}{f' and {len(places) - 3} more' if len(places) > 3 else ''}: {reason}"
        for reason, places in missing.items()
    ]


def number(value: float | None, entry: Entry, sign: str = "") -> str:
    """Write a value with the decimals that its metric deserves; a dash for none."""
    if value is None:
        return "-"
    if entry.place.metric == "seconds":
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    decimals = {"accuracy": 1, "psnr": 2, "ssim": 3, "lpips": 3}.get(entry.place.metric, 0)
    return f"{value:{sign}.{decimals}f}"


def _measured(entry: Entry) -> str:
    if entry.low is None or entry.high is None:
        return number(entry.value, entry)
    return f"{entry.value:.1f} [{entry.low:.1f}, {entry.high:.1f}]"


def _ratios(values: Sequence[float | None], entries: Sequence[Entry]) -> list[str]:
    unit = next((v for v, entry in zip(values, entries, strict=True) if entry.place.row == "segue"), None)
    return ["-" if value is None or not unit else f"{value / unit:.3g}" for value in values]


def render(shown: Page, form: str) -> str:
    """Write a page in one of ``FORMATS``.

    Raises:
        UsageError: If there is no such format.
    """
    check(form)
    if form == "csv":
        return _csv(shown.rows)
    from tabulate import tabulate

    heading, title, note = MARKUP[form]
    parts = [heading.format(_escaped(shown.title, form))]
    for block in shown.blocks:
        parts.append(title.format(_escaped(block.title, form)))
        parts.append(tabulate(block.rows, block.header, tablefmt=FORMATS[form], disable_numparse=True))
    parts.append("\n".join(note.format(_escaped(text, form)) for text in shown.notes))
    return "\n\n".join(parts) + "\n"


def check(form: str) -> None:
    """Refuse an unknown format before any work is done.

    Raises:
        UsageError: If there is no such format.
    """
    if form not in FORMATS:
        raise UsageError(f"--format {form}: unknown; {nearest(form, FORMATS)}")


def _escaped(text: str, form: str) -> str:
    return escape(text) if form == "html" else text


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: " ".join(value) if isinstance(value, list) else value for name, value in row.items()})
    return file.getvalue()
