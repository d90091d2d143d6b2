"""The pages of the paper's claims and of Table 1."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from uebench.paper.claims import judge
from uebench.paper.fill import FilledTable
from uebench.paper.requirements import REQUIREMENTS, circles
from uebench.report.caveats import caveats
from uebench.report.formats import Block, Page
from uebench.report.pages.paper_table import number


def claims_page(tables: Mapping[str, FilledTable], preset: str) -> Page:
    """Return the page of the paper's claims: the verdict on each, and the records behind it.

    Args:
        tables: The filled tables, by name.
        preset: The preset of the records.
    """
    judged = judge(tables)
    rows = [
        {
            "claim": one.claim.text, "where": one.claim.where, "verdict": one.verdict, "rule": one.claim.rule,
            "yes": one.yes, "no": one.no, "few_seeds": one.few, "asked": one.asked,
            "keys": [key for filled in one.places for key in filled.keys],
        }
        for one in judged
    ]  # fmt: skip
    verdicts = [
        (
            str(position),
            one.claim.text,
            one.claim.where,
            one.verdict,
            f"{one.yes} yes, {one.no} no, {one.few} with few seeds, of {one.asked}",
        )
        for position, one in enumerate(judged, 1)
    ]
    evidence = [
        (
            str(position), filled.place.label, filled.place.column, filled.data, number(filled.value, filled),
            filled.seeds or "-", " ".join(key[:12] for key in filled.keys),
        )
        for position, one in enumerate(judged, 1)
        for filled in one.places
    ]  # fmt: skip
    blocks = [
        Block("Verdicts", ("", "claim", "where", "verdict", "places"), verdicts),
        Block("Records", ("claim", "method", "condition", "set", "measured", "seeds", "records"), evidence),
    ]
    notes = [f"{position} holds if {one.claim.rule}" for position, one in enumerate(judged, 1)]
    notes.append("how much the attacker learns: 0% is chance, and 100% is the clean reference")
    notes.append(
        "otherwise, a number counts as a yes if its mean meets the rule, and as a no only if its whole 95% interval "
        "does not. Where a mean alone meets it, the claim is not contradicted, and does not yet hold"
    )
    notes.append(
        "fewer than three method seeds decide nothing, however many attacker seeds there are: one or two protected "
        "sets may be lucky or unlucky draws"
    )
    return Page("The claims of the Segue paper", blocks, [f"preset {preset}", *notes, *_caveats(tables, preset)], rows)


def requirements_page(tables: Mapping[str, FilledTable], preset: str) -> Page:
    """Return the page of Table 1; see ``claims_page`` for the arguments."""
    judged = circles(tables)
    rows = [
        {
            "method": one.method, "requirement": one.requirement.name, "degree": one.degree, "mean": one.mean,
            "measured": one.measured, "places": one.places, "reported_full": one.reported,
        }
        for one in judged
    ]  # fmt: skip
    lines = []
    for method, row in groupby(judged, lambda one: one.method):
        cells = []
        for one in row:
            evidence = "" if one.mean is None else f" ({one.mean:.3g}; {one.measured} of {one.places})"
            cells += [one.degree + evidence, "full" if one.reported else "not full"]
        lines.append((method, *cells))
    header = ["method", *(text for one in REQUIREMENTS for text in (one.name, "reported"))]
    notes = [
        f"{one.name}: {one.rule}: full {'from' if one.upwards else 'up to'} {one.full:g}, partial "
        f"{'from' if one.upwards else 'up to'} {one.partial:g}"
        for one in REQUIREMENTS
    ]
    title = "Table 1. The five requirements, by thresholds on what was measured"
    notes += [
        "share that the attacker learns: 0 is chance, and 1 is the clean reference",
        "in parentheses: the mean, and over how many of the places",
        "the paper's text tells full circles only",
    ]
    notes += _caveats(tables, preset)
    return Page(title, [Block("Requirements", header, lines)], [f"preset {preset}", *notes], rows)


def _caveats(tables: Mapping[str, FilledTable], preset: str) -> list[str]:
    places = [filled for table in tables.values() for filled in table.places]
    return caveats((cell for filled in places for cell in filled.cells), preset)
