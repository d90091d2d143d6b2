"""A filled table of the paper as text, Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from uebench.errors import UsageError, nearest
from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.tables import CONTROL, ROLES, VARIANT
from uebench.paper.verdicts import RULES, at_chance, order
from uebench.report.caveats import caveats

FORMATS = {"text": "plain", "md": "github", "tex": "", "html": "html", "csv": ""}
"""Formats, and what the package tabulate calls them; CSV holds one row per place instead of the blocks."""

MARKUP = {
    "text": ("{}", "{}", "{}"),
    "md": ("## {}", "**{}**", "- {}"),
    "html": ("<h2>{}</h2>", "<h3>{}</h3>", "<p>{}</p>"),
}
"""How a format writes the title, the title of a block, and a note."""
_MARKDOWN = re.compile(r"[\\`*~]|\](?=[(\[])|\b_|_\b")
"""What Markdown takes for emphasis, code or a link; it leaves underscores inside a word alone."""

WORST_IDENTITY = (
    "worst identity: the one that the attacker recognises best over all runs, and its number in the data set. Near "
    "chance, its face may not have been learned: a network that always answers one name is always right about it"
)
OF_ROWS = {
    VARIANT: f"{VARIANT} is uebench's variant of Segue: its surrogate starts afresh in every second epoch; it is not "
    "in the paper",
    CONTROL: f"{CONTROL} is a control: noise that nobody optimised, the same for all photographs of a person; it is "
    "not in the paper",
}
"""What must be said of rows that the paper does not have."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows under a title.

    Attributes:
        title: What they are about.
        header: Names of the columns.
        rows: The cells.
        best: Row and column of each number that LaTeX sets in bold.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: Collection[tuple[int, int]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown of a table.

    Attributes:
        title: Its title.
        blocks: For people.
        notes: At the foot.
        rows: For programs, with numbers in full.
        columns: Names of what the rows hold, if there may be no row.
    """

    title: str
    blocks: Sequence[Block]
    notes: Sequence[str]
    rows: Sequence[Mapping[str, object]]
    columns: Sequence[str] = ()

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
        notes += _about_intervals(shown.places)
    if any(filled.place.method and filled.reported is not None for filled in shown.places):
        blocks.append(verdicts(shown.places))
        notes += [f"{name}: {rule}" for name, rule in RULES.items()]
    if table.note:
        notes.append(table.note)
    notes += [text for row, text in OF_ROWS.items() if any(filled.place.row == row for filled in shown.places)]
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
        "seeds": filled.seeds, "runs": len(filled.cells), "n": filled.n,
        "worst_identity": filled.worst.number if filled.worst else None,
        "worst_identity_accuracy": 100 * filled.worst.share if filled.worst else None,
        "reported_on": ROLES[place.role], "reported": filled.reported,
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
            ("worst identity, %", [_worst(filled) for filled in places]),
            ("seeds", [filled.seeds or "-" for filled in places]),
            ("n", [str(filled.n or "-") for filled in places]),
            ("clean ref. %", [number(filled.clean, filled) for filled in places]),
            ("chance %", [number(filled.chance, filled) for filled in places]),
            ("at chance", [_at_chance(filled) for filled in places]),
        ]
    header, cells = zip(*columns, strict=True)
    best = {(number, header.index(f"measured{data}{unit} [95%]")) for number in _best(places)}
    return Block(paper, header, list(zip(*cells, strict=True)), best)


def _best(places: Sequence[FilledPlace]) -> list[int]:
    """Return which places have the lowest accuracy of their condition; none where there is nothing to choose from."""
    found: dict[str, list[tuple[float, int]]] = {}
    for number, filled in enumerate(places):
        if filled.place.metric == "accuracy" and filled.value is not None and filled.place.row != "clean":
            found.setdefault(filled.place.column, []).append((filled.value, number))
    several = [values for values in found.values() if len(values) > 1]
    return [number for values in several for value, number in values if value == min(values)[0]]


def _about_intervals(places: Iterable[FilledPlace]) -> list[str]:
    notes = [
        "intervals are 95%: Wilson's for one run; for several, from the spread over method seeds, attacker seeds and "
        "photographs; where there is only one seed, its spread is unknown and not counted",
        WORST_IDENTITY,
        "seeds: method seeds x attacker seeds; n: test images",
    ]
    return notes + about_early(filled.place.label for filled in places if filled.lacks_answers)


def about_early(names: Iterable[str]) -> list[str]:
    """Return what must be said of means over several early records, which do not say what was recognised."""
    early = list(dict.fromkeys(names))
    if not early:
        return []
    return [
        f"{', '.join(early)}: the records do not say which photographs were recognised. The interval is Wilson's for "
        "the mean, with n photographs, and widened by the spread over seeds; this is conservative"
    ]


def _worst(filled: FilledPlace) -> str:
    return f"{100 * filled.worst.share:.1f} (no. {filled.worst.number})" if filled.worst else "-"


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
        verdict, pairs = "-", "-"
        if any(filled.reported is not None for filled in places if filled.place.label == label):
            verdict = found.verdict
            pairs = f"{found.agree} as reported, {found.against} against, {found.undecided} undecided"
        rows.append((label, verdict, pairs, f"{sum(known)} of {len(known)}" if known else "-"))
    return Block("Verdicts", ("method", "the paper's order", "pairs", "at chance"), rows)


def gaps(places: Iterable[FilledPlace]) -> list[str]:
    """Return a line for each reason why places are empty."""
    missing: dict[str, list[str]] = {}
    for filled in places:
        if filled.value is None:
            missing.setdefault(filled.reason, []).append(f"{filled.place.label} at {filled.place.column}")
    return about_gaps(missing)


def about_gaps(missing: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each reason with the names of what is missing for it."""
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
    decimals = {"accuracy": 1, "psnr": 2, "ssim": 3, "lpips": 3, "surrogate_loss": 3}.get(filled.place.metric, 0)
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
        return _csv(shown.rows, shown.columns or tuple(shown.rows[0]))
    if form == "tex":
        from uebench.report import latex_blocks  # which stands on this module

        return latex_blocks.render(shown)
    from tabulate import tabulate

    heading, title, note = MARKUP[form]
    parts = [heading.format(_escaped(shown.title, form))]
    for block in shown.blocks:
        parts.append(title.format(_escaped(block.title, form)))
        header, *rows = ([_cell(text, form) for text in row] for row in (block.header, *block.rows))
        parts.append(tabulate(rows, header, tablefmt=FORMATS[form], disable_numparse=True))
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
    """Return a text on one line in which names of users and plugins are no markup."""
    line = " ".join(text.split())
    if form == "md":
        return _MARKDOWN.sub(r"\\\g<0>", line).replace("<", "&lt;")
    return escape(line) if form == "html" else line


def _cell(text: str, form: str) -> str:
    """Return the text of a cell; tabulate itself escapes HTML there."""
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
