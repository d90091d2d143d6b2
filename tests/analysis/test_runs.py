"""Identities, best epochs and photographs, as they are read from records."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.records import made_up
from uebench.analysis.runs import identities, images_of_each, runs_of
from uebench.store import answers
from uebench.store.record import Record
from uebench.store.store import Store

PEOPLE = [person for person in range(10) for _ in range(20)]


def test_every_person_has_the_answers_of_their_own_photographs() -> None:
    right = [one < person for person in range(10) for one in range(20)]  # of person 3, the first three photographs
    predicted = [person if hit else (person + 1) % 10 for person, hit in zip(PEOPLE, right, strict=True)]
    counts = [{"correct": sum(right[20 * person : 20 * person + 20]), "n": 20} for person in range(10)]
    record = made_up(correct=sum(right), answers=answers.encode(predicted), per_identity=counts)
    for person in identities([record]):
        assert person.runs.answers
        assert list(person.runs.answers[0, 0]) == right[20 * person.number : 20 * person.number + 20]
        assert person.share == counts[person.number]["correct"] / 20


@pytest.fixture(scope="module")
def varied() -> Record:
    """Return a committed record of images of which seven are made of each photograph, with another best epoch."""
    records = (record for _, record in Store(ROOT / "results").cells if record and record.data.name == "orl_varied10")
    return next(one for one in records if one.correct_at_peak and one.correct and one.correct != one.correct_at_peak)


def test_of_each_photograph_seven_images_are_made_also_of_those_of_one_person(varied: Record) -> None:
    assert images_of_each(varied, varied.counts.n) == runs_of([varied]).of_each == 7
    assert {person.runs.of_each for person in identities([varied])} == {7}


def test_at_the_peak_the_answers_are_those_of_the_best_epoch(varied: Record) -> None:
    seeds = varied.method_seed, varied.seed
    last, best = (runs_of([varied], peak=peak).answers for peak in (False, True))
    assert last and best
    assert tuple(last[seeds]) == varied.correct
    assert tuple(best[seeds]) == varied.correct_at_peak
