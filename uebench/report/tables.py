"""A filled table of the paper as text, Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from uebench.errors import UsageError, nearest
from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.tables import ROLES
from uebench.paper.verdicts import RULES, at_chance, order
from uebench.report.caveats import caveats

FORMATS = {"text": "plain", "md": "github", "tex": "latex_booktabs", "html": "html", "csv": ""}
"""Formats, and what the package tabulate calls them; CSV holds one row per place instead of the blocks."""

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


def page(shown: FilledTable, preset: str) -> Page:
    """Arrange a filled table: a block for each data set, the verdicts, and the gaps with their reasons."""
    table = shown.table
    roles: dict[str, list[FilledPlace]] = {}
    for filled in shown.places:
        roles.setdefault(filled.place.role, []).append(filled)
    blocks = [_block(role, places) for role, places in roles.items()]
    notes = [f"preset {preset}"]
    if any(filled.place.metric == "accuracy" for filled in shown.places):
        notes.append("intervals are 95%: Wilson's for one seed, Student's t for several")
    if any(filled.place.method and filled.reported is not None for filled in shown.places):
        blocks.append(verdicts(shown.places))
        notes += [f"{name}: {rule}" for name, rule in RULES.items()]
    if table.note:
        notes.append(table.note)
    notes += caveats((cell for filled in shown.places for cell in filled.cells), preset)
    return Page(
        f"{table.heading}. {table.title}",
        blocks,
        notes + gaps(shown.places),
        [_row(table.name, filled) for filled in shown.places],
    )


def _row(table: str, filled: FilledPlace) -> dict[str, object]:
    place = filled.place
    return {
        "table": table,
        "row": place.row, "setting": place.setting, "column": place.column, "metric": place.metric,
        "role": place.role, "data": filled.data, "measured": filled.value, "low": filled.low, "high": filled.high,
        "seeds": filled.seeds, "reported_on": ROLES[place.role], "reported": filled.reported,
        "difference": filled.difference, "chance": filled.chance, "clean": filled.clean, "at_chance": at_chance(filled),
        "reason": filled.reason, "keys": list(filled.keys),
    }  # fmt: skip


def _block(role: str, places: list[FilledPlace]) -> Block:
    """Return the places of one role, with the columns that their metric asks for."""
    metric = places[0].place.metric
    data = next((f" on {filled.data}" for filled in places if filled.data), "")
    paper = ROLES[role]
    conditions = [filled.place.column for filled in places]
    places = sorted(places, key=lambda filled: conditions.index(filled.place.column))
    columns = [("method" if places[0].place.method else "set", [filled.place.label for filled in places])]
    if len(set(conditions)) > 1:
        columns.append(("condition", [filled.place.column for filled in places]))
    unit = {"accuracy": ", %", "seconds": ", s"}.get(metric, "")
    columns += [
        (
            f"measured{data}{unit}{' [95%]' if metric == 'accuracy' else ''}",
            [_measured(filled) for filled in places],
        ),
        (f"reported on {paper}{unit}", [number(filled.reported, filled) for filled in places]),
    ]
    if metric == "seconds":
        columns += [
            ("measured / segue's", _ratios([filled.value for filled in places], places)),
            ("reported / segue's", _ratios([filled.reported for filled in places], places)),
        ]
    else:
        columns.append(("difference", [number(filled.difference, filled, sign="+") for filled in places]))
    if metric == "accuracy":
        columns += [
            ("seeds", [str(filled.seeds or "-") for filled in places]),
            ("clean ref. %", [number(filled.clean, filled) for filled in places]),
            ("chance %", [number(filled.chance, filled) for filled in places]),
            ("at chance", [_at_chance(filled) for filled in places]),
        ]
    return Block(paper, [name for name, _ in columns], list(zip(*(cells for _, cells in columns), strict=True)))


def _at_chance(filled: FilledPlace) -> str:
    if filled.interval is None:
        return "-"
    return {None: "undecided", True: "yes", False: "no"}[at_chance(filled)]


def verdicts(places: Sequence[FilledPlace]) -> Block:
    """Return the verdict on each method of a table; the rules are in ``paper/verdicts.py``."""
    rows = []
    for label in dict.fromkeys(filled.place.label for filled in places if filled.place.row != "clean"):
        found = order(label, places)
        answers = [at_chance(filled) for filled in places if filled.place.label == label and filled.value is not None]
        known = [answer for answer in answers if answer is not None]
        pairs = f"{found.agree} as reported, {found.against} against, {found.undecided} undecided"
        rows.append((label, found.verdict, pairs, f"{sum(known)} of {len(known)}" if known else "-"))
    return Block("Verdicts", ("method", "the paper's order", "pairs", "at chance"), rows)


def gaps(places: Iterable[FilledPlace]) -> list[str]:
    """Return a line for each reason why places are empty."""
    missing: dict[str, list[str]] = {}
    for filled in places:
        if filled.value is None:
            missing.setdefault(filled.reason, []).append(f"{filled.place.label} at {filled.place.column}")
    return [
        f"gap: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {reason}"
        for reason, names in missing.items()
    ]


def number(value: float | None, filled: FilledPlace, sign: str = "") -> str:
    """Write a value with the decimals that its metric deserves; a dash for none.

    Args:
        value: What to write: the measured value of a place, or another of its kind.
        filled: The place, for its metric.
        sign: ``+`` to write the sign of positive numbers.
    """
    if value is None:
        return "-"
    if filled.place.metric == "seconds":
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    decimals = {"accuracy": 1, "psnr": 2, "ssim": 3, "lpips": 3}.get(filled.place.metric, 0)
    return f"{value:{sign}.{decimals}f}"


def _measured(filled: FilledPlace) -> str:
    if filled.low is None or filled.high is None:
        return number(filled.value, filled)
    return f"{filled.value:.1f} [{filled.low:.1f}, {filled.high:.1f}]"


def _ratios(values: Sequence[float | None], places: Sequence[FilledPlace]) -> list[str]:
    unit = next((v for v, filled in zip(values, places, strict=True) if filled.place.row == "segue"), None)
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
        raise UsageError(f"format {form!r}: unknown; {nearest(form, FORMATS)}")


def _escaped(text: str, form: str) -> str:
    return escape(text) if form == "html" else text


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: " ".join(value) if isinstance(value, list) else value for name, value in row.items()})
    return file.getvalue()
