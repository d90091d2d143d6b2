from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import protection_of
from tests.studies import STUDY, measured, written
from uebench.analysis.study import MeasuredPlace
from uebench.report.study import metrics
from uebench.store.record_parts import Counts, Robustness, Scope
from uebench.store.store import Store

ONE = STUDY.partition('[[attacker]]\nname = "JPEG')[0]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, MeasuredPlace]:
    _, found = measured(written(tmp_path, ONE), Store(tmp_path))
    return {one.place.method.name: one for one in found}


def changed(one: MeasuredPlace, *updates: dict[str, Any]) -> MeasuredPlace:
    """Return a place with so many of its records, each changed."""
    records = tuple(record.model_copy(update=update) for record, update in zip(one.records, updates, strict=False))
    return replace(one, records=records)


def test_relative_unlearnability_is_0_at_the_reference_and_100_at_chance(places: dict[str, MeasuredPlace]) -> None:
    assert metrics.relative_unlearnability(places["clean reference"]) == pytest.approx(0)
    one = places["LSP"]
    assert one.pairing and one.pairing.reference
    share = (one.pairing.reference - one.pairing.accuracy) / (one.pairing.reference - 10)
    assert metrics.relative_unlearnability(one) == pytest.approx(100 * share)
    left_at_chance = changed(one, {"counts": Counts(correct=20, n=200), "answers": None})
    assert metrics.relative_unlearnability(left_at_chance) == pytest.approx(100)


def test_relative_unlearnability_needs_a_reference_above_chance(places: dict[str, MeasuredPlace]) -> None:
    one = places["LSP"]
    assert metrics.relative_unlearnability(replace(one, clean=())) is None
    guessing = one.records[0].model_copy(update={"counts": Counts(correct=20, n=200), "answers": None})
    assert metrics.relative_unlearnability(replace(one, clean=(guessing,))) is None


def test_accuracies_under_attack_and_of_unprotected_people_are_means_over_the_runs_that_have_them(
    places: dict[str, MeasuredPlace],
) -> None:
    one = places["LSP"]
    assert metrics.robust(one) is None and metrics.unprotected(one) is None
    attacked = [Robustness(rho=0.1, steps=20, counts=Counts(correct=n, n=200)) for n in (20, 40)]
    assert metrics.robust(changed(one, *({"robust": found} for found in attacked))) == pytest.approx(15)
    failed = Robustness(rho=0.1, steps=20, counts=None, reason="no gradient")
    assert metrics.robust(changed(one, {"robust": failed})) is None
    scope = Scope(unprotected_images=9, protected=Counts(correct=1, n=100), unprotected=Counts(correct=80, n=100))
    assert metrics.unprotected(changed(one, {"scope": scope}, {"scope": None})) == pytest.approx(80)


def test_the_peak_is_the_mean_of_the_best_epochs(places: dict[str, MeasuredPlace]) -> None:
    one = places["LSP"]
    peaks = [
        record.peak.model_copy(update={"correct": n, "n": 200})
        for record, n in zip(one.records, (60, 80), strict=False)
    ]
    assert metrics.peak(changed(one, *({"peak": peak} for peak in peaks))) == pytest.approx(35)


def test_every_method_seed_counts_the_same_as_in_the_accuracy(places: dict[str, MeasuredPlace]) -> None:
    one, numbers = places["LSP"], (20, 20, 80)
    counts = [Counts(correct=n, n=200) for n in numbers]
    found = changed(
        one,
        *(
            {
                "method_seed": method_seed,
                "seed": seed,
                "counts": count,
                "answers": None,
                "peak": one.records[0].peak.model_copy(update={"correct": count.correct, "n": 200}),
                "robust": Robustness(rho=0.1, steps=20, counts=count),
                "scope": Scope(unprotected_images=9, protected=None, unprotected=count),
            }
            for method_seed, seed, count in zip((0, 0, 1), (0, 1, 0), counts, strict=True)
        ),
    )
    assert found.pairing and found.pairing.accuracy == pytest.approx(25)
    for metric in (metrics.peak, metrics.robust, metrics.unprotected):
        assert metric(found) == pytest.approx(25)


def test_what_depends_on_the_protected_set_counts_each_set_once(places: dict[str, MeasuredPlace]) -> None:
    one = places["LSP"]
    times = one.records[0].timings
    keys = ("a", "a", "b")
    values = [
        {
            "protect_key": key,
            "audit": one.records[0].audit.model_copy(update={"psnr_mean": db}),
            "timings": times.model_copy(update={"fit_seconds": spent, "protect_seconds": 1.0}),
        }
        for key, db, spent in zip(keys, (30.0, 30.0, 40.0), (1.0, 1.0, 4.0), strict=True)
    ]
    found = changed(one, *values)
    assert metrics.psnr(found) == pytest.approx(35)
    assert metrics.seconds(found) == pytest.approx(1000 * 3.5 / one.records[0].data.train_images)


def test_ssim_and_lpips_come_from_the_records_of_the_protected_sets(tmp_path: Path) -> None:
    file, store = written(tmp_path, ONE), Store(tmp_path)
    _, found = measured(file, store)
    assert {metrics.ssim(one) for one in found} == {None}
    for one in found:
        for record in one.records:
            store.protections.write(protection_of(record, None))
    _, found = measured(file, store)
    assert {metrics.ssim(one) for one in found} == {0.9}
    assert {metrics.lpips(one) for one in found} == {None}


def test_the_memory_of_a_method_is_the_most_that_any_of_its_sets_needed(tmp_path: Path) -> None:
    file, store = written(tmp_path, ONE), Store(tmp_path)
    _, found = measured(file, store)
    assert {metrics.memory(one) for one in found} == {None}
    one = found[0]
    sets = tuple(
        protection_of(one.records[0], None).model_copy(update={"peak_memory_mib": mib}) for mib in (None, 900.0, 800.0)
    )
    assert metrics.memory(replace(one, protections=sets)) == 900
