"""The page of a filled table of the paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from uebench.analysis.runs import lack_answers
from uebench.grouping import grouped
from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.place import ROLES
from uebench.paper.tables import CONTROL, VARIANT
from uebench.paper.verdicts import NEAR_CHANCE, near_chance, order_rule, orders
from uebench.report.caveats import WORST_IDENTITY, about_early, about_gaps, caveats
from uebench.report.formats import Block, Page
from uebench.report.text import person, with_interval

OF_ROWS = {
    VARIANT: f"{VARIANT} is uebench's variant of Segue: its surrogate starts afresh in every second epoch; it is not "
    "in the paper",
    CONTROL: f"{CONTROL} is a control: noise that nobody optimised, the same for all photographs of a person; it is "
    "not in the paper",
}
"""Row that is not in the paper -> note."""


def page(filled_table: FilledTable, preset: str) -> Page:
    """Return the page of a filled table: a block for each data set, the verdicts, and the gaps with their reasons.

    Args:
        filled_table: The table.
        preset: The preset of the records.
    """
    table, places = filled_table.table, filled_table.places
    blocks = [_block(role, of_role) for role, of_role in grouped(places, lambda filled: filled.place.role).items()]
    notes = [f"preset {preset}"]
    if any(filled.place.metric == "accuracy" for filled in places):
        notes += [*_interval_notes(places), NEAR_CHANCE]
    if any(filled.place.method and filled.reported is not None for filled in places):
        blocks.append(verdicts(places))
        notes.append(order_rule(places[0].place.metric))
    if table.note:
        notes.append(table.note)
    notes += [note for row, note in OF_ROWS.items() if any(filled.place.row == row for filled in places)]
    notes += caveats((record for filled in places for record in filled.cells), preset)
    return Page(
        f"{table.heading}. {table.title}",
        blocks,
        notes + gaps(places),
        [_row(table.name, filled) for filled in places],
    )


def _row(table: str, filled: FilledPlace) -> dict[str, object]:
    place = filled.place
    return {
        "table": table,
        "row": place.row, "setting": place.setting, "column": place.column, "metric": place.metric,
        "role": place.role, "data": filled.data, "measured": filled.value, "low": filled.low, "high": filled.high,
        "of_sets": list(filled.of_sets), "seeds": filled.seeds, "runs": len(filled.cells), "n": filled.n,
        "worst_identity": filled.worst.number if filled.worst else None,
        "worst_identity_accuracy": 100 * filled.worst.share if filled.worst else None,
        "reported_on": ROLES[place.role], "reported": filled.reported,
        "difference": filled.difference, "chance": filled.chance, "clean": filled.clean,
        "near_chance": near_chance(filled),
        "reason": filled.reason, "keys": list(filled.keys),
    }  # fmt: skip


def _block(role: str, places: list[FilledPlace]) -> Block:
    """Return the block of a role, with the columns for its metric."""
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
        *([("over sets", [_over_sets(filled) for filled in places])] if any(one.of_sets for one in places) else []),
        (f"reported on {paper}{unit}", [number(filled.reported, filled) for filled in places]),
    ]
    if metric == "seconds":
        columns += [
            ("measured / segue's", _ratios([filled.value for filled in places], places)),
            ("reported / segue's", _ratios([filled.reported for filled in places], places)),
        ]
    elif places[0].place.method and (metric != "accuracy" or any(filled.is_on_the_papers_set for filled in places)):
        columns.append(("difference", [number(filled.difference, filled, sign="+") for filled in places]))
    if metric == "accuracy":
        columns += [
            ("worst identity, %", [_worst(filled) for filled in places]),
            ("seeds", [filled.seeds or "-" for filled in places]),
            ("n", [str(filled.n or "-") for filled in places]),
            ("clean ref. %", [number(filled.clean, filled) for filled in places]),
            ("chance %", [number(filled.chance, filled) for filled in places]),
            ("near chance", [_near_chance(filled) for filled in places]),
        ]
    header, cells = zip(*columns, strict=True)
    best = {(number, header.index(f"measured{data}{unit} [95%]")) for number in _best(places)}
    return Block(paper, header, list(zip(*cells, strict=True)), best, "the lowest mean of its condition")


def _best(places: Sequence[FilledPlace]) -> list[int]:
    """Return the numbers of the places with the lowest accuracy of a condition, if several methods were measured."""
    by_condition: dict[str, list[tuple[float, int]]] = {}
    for number, filled in enumerate(places):
        if filled.place.metric == "accuracy" and filled.value is not None and filled.place.row != "clean":
            by_condition.setdefault(filled.place.column, []).append((filled.value, number))
    several = [values for values in by_condition.values() if len(values) > 1]
    return [number for values in several for value, number in values if value == min(values)[0]]


def _interval_notes(places: Iterable[FilledPlace]) -> list[str]:
    notes = [
        "intervals are 95%: Wilson's, with an effective number of photographs, from the spread over method seeds, "
        "attacker seeds and photographs. Where there is only one seed, its spread is unknown and not counted",
        WORST_IDENTITY,
        "seeds: method seeds x attacker seeds; n: test images",
    ]
    return notes + about_early(filled.place.label for filled in places if lack_answers(filled.cells))


def _worst(filled: FilledPlace) -> str:
    return person(100 * filled.worst.share, filled.worst.number) if filled.worst else "-"


def _near_chance(filled: FilledPlace) -> str:
    if filled.interval is None:
        return "-"
    return {None: "undecided", True: "yes", False: "no"}[near_chance(filled)]


def verdicts(places: Sequence[FilledPlace]) -> Block:
    """Return the block of verdicts on the methods of a table; see ``paper/verdicts.py`` for the rules."""
    rows, found, of_accuracies = [], orders(places), places[0].place.metric == "accuracy"
    for label in dict.fromkeys(filled.place.label for filled in places if filled.place.row != "clean"):
        of_method = [filled for filled in places if filled.place.label == label]
        answers = [near_chance(filled) for filled in of_method if filled.value is not None]
        decided = [answer for answer in answers if answer is not None]
        row = [label, str(found[label])]
        if of_accuracies:
            row.append(f"{sum(decided)} of {len(decided)}" if decided else "-")
        rows.append(row)
    header = ["method", "the paper's order"]
    if of_accuracies:
        header.append("near chance")
    return Block("Verdicts", header, rows)


def gaps(places: Iterable[FilledPlace]) -> list[str]:
    """Return a note for each reason why places are empty."""
    missing: dict[str, list[str]] = {}
    for filled in places:
        if filled.value is None:
            missing.setdefault(filled.reason, []).append(f"{filled.place.label} at {filled.place.column}")
    return about_gaps(missing)


def number(value: float | None, filled: FilledPlace, sign: str = "") -> str:
    """Return a value with the number of decimals for its metric, or a dash for None.

    Args:
        value: The value.
        filled: The place with the metric.
        sign: ``+`` to show the sign of positive numbers.
    """
    if value is None:
        return "-"
    if filled.place.metric == "seconds":
        return f"{value:.2g}" if value < 10 else f"{value:.0f}"
    decimals = {"accuracy": 1, "psnr": 2, "ssim": 3, "lpips": 3, "surrogate_loss": 3}.get(filled.place.metric, 0)
    return f"{value:{sign}.{decimals}f}"


def _measured(filled: FilledPlace) -> str:
    if filled.value is None or filled.low is None or filled.high is None:
        return number(filled.value, filled)
    return with_interval(filled.value, filled.low, filled.high)


def _over_sets(filled: FilledPlace) -> str:
    if not filled.of_sets:
        return "-"
    least, most = (number(end, filled) for end in (min(filled.of_sets), max(filled.of_sets)))
    return f"{len(filled.of_sets)}: {least} to {most}" if len(filled.of_sets) > 1 else "1"


def _ratios(values: Sequence[float | None], places: Sequence[FilledPlace]) -> list[str]:
    rows = [filled.place.row for filled in places]
    of_segue = values[rows.index("segue")] if "segue" in rows else None
    ratios = [None if value is None or not of_segue else value / of_segue for value in values]
    return ["-" if ratio is None else f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}" for ratio in ratios]
