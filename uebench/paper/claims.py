"""The central claims of the Segue paper, each with the rule by which records decide it.

A measurement supports a claim if its mean does, and contradicts it only if its whole interval does: the paper has the
benefit of the doubt. A claim holds only if the whole intervals support it. The interval of one protected set says
nothing about others, and two that happen to be close say too much, so neither decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from uebench.paper.fill import FilledPlace, FilledTable
from uebench.paper.place import MAIN
from uebench.paper.tables import BASELINES, JPEG
from uebench.paper.verdicts import FAILED, HELD, TIMES, learned, learned_between, signs

Answer = Literal["yes", "on average", "no", "few seeds"] | None
"""Whether a measurement agrees with a claim, or only its mean does; None if it is missing or cannot tell."""

Verdict = Literal["holds", "not contradicted", "does not hold", "not yet decided"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the paper.

    Attributes:
        text: The claim.
        where: Its section and table in the paper.
        rule: When it holds here, in words.
        table: The table whose places decide it.
        concerns: Returns whether a place of this table is one of them.
        judge: Returns the answers of these places. The claim holds if all are yes, is not contradicted if some agree on
            average only, and does not hold if one is no.
    """

    text: str
    where: str
    rule: str
    table: str
    concerns: Callable[[FilledPlace], bool]
    judge: Callable[[Sequence[FilledPlace]], Sequence[Answer]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with its verdict.

    Attributes:
        claim: The claim.
        verdict: The verdict by the records.
        yes: Number of answers that agree, also on average only.
        no: Number of answers that do not.
        few: Number of answers that are left open because there are fewer than three method seeds.
        asked: Number of all answers, missing ones included.
        places: The measured places behind it.
    """

    claim: Claim
    verdict: Verdict
    yes: int
    no: int
    few: int
    asked: int
    places: tuple[FilledPlace, ...]


def judge(tables: Mapping[str, FilledTable]) -> list[Judged]:
    """Judge every claim by the filled tables."""
    judged = []
    for claim in CLAIMS:
        places = [filled for filled in tables[claim.table].places if claim.concerns(filled)]
        answers = claim.judge(places)
        on_average, no = answers.count("on average"), answers.count("no")
        yes = answers.count("yes") + on_average
        verdict: Verdict = "not yet decided"
        if no:
            verdict = "does not hold"
        elif yes == len(answers):
            verdict = "not contradicted" if on_average else "holds"
        measured = tuple(filled for filled in places if filled.value is not None)
        judged.append(Judged(claim, verdict, yes, no, answers.count("few seeds"), len(answers), measured))
    return judged


def _each(judge_one: Callable[[FilledPlace], Answer]) -> Callable[[Sequence[FilledPlace]], list[Answer]]:
    return lambda places: ["few seeds" if filled.has_few_seeds else judge_one(filled) for filled in places]


def _held(filled: FilledPlace) -> Answer:
    share, ends = learned(filled), learned_between(filled)
    if share is None or ends is None:
        return None
    return _reached(HELD - ends[1], HELD - share, HELD - ends[0])


def _failed(filled: FilledPlace) -> Answer:
    share, ends = learned(filled), learned_between(filled)
    if share is None or ends is None:
        return None
    return _reached(ends[0] - FAILED, share - FAILED, ends[1] - FAILED)


def _reached(low: float, mean: float, high: float) -> Answer:
    """Return the answer of a measurement by how far it lies above what is claimed."""
    if low >= 0:
        return "yes"
    return "on average" if mean >= 0 else "no" if high < 0 else None


def _faster(places: Sequence[FilledPlace]) -> list[Answer]:
    ue, segue = places
    if ue.value is None or segue.value is None:
        return [None]
    assert ue.reported and segue.reported
    found, claimed = ue.value / segue.value, ue.reported / segue.reported
    too_short = segue.overhead is not None and segue.overhead > segue.value / 2
    most = math.inf if too_short else found * TIMES
    return [_reached(found / TIMES - claimed, found - claimed, most - claimed)]


def _better_informed(places: Sequence[FilledPlace]) -> list[Answer]:
    """Compare true labels with pseudo-labels, attacker by attacker."""
    known = {(filled.place.row, filled.place.column): filled for filled in places if filled.value is not None}
    columns = list(dict.fromkeys(filled.place.column for filled in places))
    pairs = {
        column: (known["true", column], known["kmeans", column])
        for column in columns
        if {("true", column), ("kmeans", column)} <= known.keys()
    }
    meanings: Mapping[int, Answer] = {-1: "yes", 0: None, 1: "no"}
    answers = {column: meanings[sign] for column, sign in zip(pairs, signs(pairs.values()), strict=True)}
    answers |= {column: "few seeds" for column, pair in pairs.items() if any(filled.has_few_seeds for filled in pair)}
    return [answers.get(column) for column in columns]


_HELD = f"the attacker learns at most {100 * HELD:.0f}%"
_FAILED = f"the attacker learns at least {100 * FAILED:.0f}%"
_WORST_JPEG = next(iter(JPEG))

CLAIMS = (
    Claim(
        "Segue brings all five architectures to chance",
        "section 5.4.1, Table 5",
        f"for each, {_HELD}",
        "5",
        lambda filled: filled.place.row == "segue",
        _each(_held),
    ),
    Claim(
        "All other methods fail on Inception-V3",
        "section 5.4.1, Table 5",
        f"with each of them, {_FAILED}",
        "5",
        lambda filled: filled.place.row in BASELINES and filled.place.column == "inception_v3",
        _each(_failed),
    ),
    Claim(
        "Segue carries over to other data sets",
        "section 5.4.2, Table 6",
        f"on each other set, {_HELD}",
        "6",
        lambda filled: filled.place.row == "segue" and filled.place.role != MAIN,
        _each(_held),
    ),
    Claim(
        "Segue with rho_d=4/255 withstands adversarial training at 4/255",
        "section 5.5.1, Table 8",
        _HELD,
        "8",
        lambda filled: filled.place.label == "segue(rho_d=4/255)" and filled.place.column == "rho_a=4/255",
        _each(_held),
    ),
    Claim(
        "Segue withstands JPEG at every quality; the others fail at low quality",
        "section 5.5.2, Figure 4 (1)",
        f"with Segue, {_HELD}. With each other method at {_WORST_JPEG}, {_FAILED}",
        "figure4.1",
        lambda filled: (
            filled.place.row == "segue" or (filled.place.row in BASELINES and filled.place.column == _WORST_JPEG)
        ),
        _each(lambda filled: _held(filled) if filled.place.row == "segue" else _failed(filled)),
    ),
    Claim(
        "Segue generates 1,000 times faster than UE",
        "section 5.6, Table 9",
        "the ratio of seconds is at least that of the reported seconds (955). Timings vary, so a ratio may be wrong "
        f"by a factor of {TIMES}. Where the set takes more than half of Segue's seconds without any method, it may be "
        "too low",
        "9",
        lambda filled: filled.place.row in ("ue", "segue"),
        _faster,
    ),
    Claim(
        "Side information helps: true labels more than pseudo-labels",
        "section 5.7, Figure 4 (3)",
        "for each attacker, a paired test finds less learned with true labels than with pseudo-labels",
        "figure4.3",
        lambda filled: filled.place.row in ("true", "kmeans") and not filled.place.setting,
        _better_informed,
    ),
)
