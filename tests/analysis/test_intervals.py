"""Intervals cover as often as they say: shown on made-up experiments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from tests.analysis.experiments import EXPERIMENTS, Answers, N, World, as_runs, copied
from uebench.analysis.statistics import Runs, difference, interval, wilson


def misses(seeds: tuple[int, int], *, with_answers: bool = True, **sizes: float) -> tuple[float, float]:
    """Return how often the true accuracy lies below the interval, and above it."""
    rng = np.random.default_rng(17)
    below = above = 0
    for _ in range(EXPERIMENTS):
        right, truth = World(rng, seeds, **sizes).method()
        low, high = interval(as_runs(right, with_answers))
        below, above = below + (truth < low), above + (truth > high)
    return below / EXPERIMENTS, above / EXPERIMENTS


def coverage(seeds: tuple[int, int], *, with_answers: bool = True, **sizes: float) -> float:
    return 1 - sum(misses(seeds, with_answers=with_answers, **sizes))


@pytest.mark.parametrize("seeds", [(3, 3), (1, 3), (3, 1), (1, 1)])
@pytest.mark.parametrize("base", [-2.8, -1.0, 2.0])  # accuracies of about 13%, 33% and 79%
def test_an_interval_covers_about_95_percent(seeds: tuple[int, int], base: float) -> None:
    assert 0.92 <= coverage(seeds, base=base) <= 0.985


@pytest.mark.parametrize("sizes", [{"method": 0.8}, {"attacker": 0.6}, {"method": 0.0, "attacker": 0.0, "both": 0.5}])
def test_whichever_seed_decides_the_interval_covers(sizes: dict[str, float]) -> None:
    assert coverage((3, 3), with_answers=True, **sizes) >= 0.92


@pytest.mark.parametrize("base", [-2.8, -1.0, 2.0])
def test_three_method_seeds_that_differ_by_tens_of_points_are_covered_nine_times_in_ten(base: float) -> None:
    """What the documentation says of such seeds."""
    assert coverage((3, 1), base=base, method=0.8) >= 0.86


@pytest.mark.parametrize(("seeds", "held"), [((2, 1), 0.82), ((3, 1), 0.85), ((3, 3), 0.85), ((9, 1), 0.95)])
def test_few_protected_sets_say_too_little_of_a_method_that_fails_with_one_in_three(
    seeds: tuple[int, int], held: float
) -> None:
    """What the documentation says of such methods."""
    below, above = misses(seeds, base=-0.8, method=0.5, fails=3.0)
    assert 1 - below - above == pytest.approx(held, abs=0.04)
    assert above > below


@pytest.mark.parametrize("base", [-2.8, -1.0, 2.0])
def test_an_interval_from_two_method_seeds_covers_if_they_differ_little(base: float) -> None:
    assert 0.92 <= coverage((2, 1), base=base, method=0.1, both=0.1) <= 0.995


def test_without_answers_an_interval_is_conservative() -> None:
    for seeds in ((3, 3), (1, 3)):
        assert coverage(seeds, with_answers=False) >= 0.95


def pigeonhole(rng: np.random.Generator, right: Answers, resamples: int = 2000) -> NDArray[np.float64]:
    """Return means of resampled method seeds, attacker seeds and photographs (Owen 2007)."""
    sets, attackers, n = right.shape
    weights = [rng.multinomial(size, [1 / size] * size, resamples) / size for size in (sets, attackers, n)]
    found: NDArray[np.float64] = np.einsum("map,bm,ba,bp->b", right, *weights, optimize=True)
    return found


def test_percentiles_of_a_bootstrap_over_three_seeds_would_cover_too_little() -> None:
    """Why the interval is not read off resamples."""
    rng = np.random.default_rng(5)
    ours = percentiles = 0
    for _ in range(150):
        right, truth = World(rng, (3, 3), method=0.8, attacker=0.05, both=0.05).method()
        low, high = interval(as_runs(right))
        ours += low <= truth <= high
        low, high = np.percentile(pigeonhole(rng, right, 300), (2.5, 97.5))
        percentiles += low <= truth <= high
    assert percentiles / 150 < 0.85 < 0.92 < ours / 150


def test_with_many_seeds_the_interval_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    right, _ = World(rng, (20, 20), method=0.5).method()
    low, high = interval(as_runs(right))
    ends = np.percentile(pigeonhole(rng, right), (2.5, 97.5))
    assert high - low == pytest.approx(ends[1] - ends[0], rel=0.15)


def test_one_run_has_wilsons_interval() -> None:
    right = np.arange(N).reshape(1, 1, N) < 40
    assert interval(as_runs(right)) == pytest.approx(wilson(40, N))
    assert interval(as_runs(right, with_answers=False)) == pytest.approx(wilson(40, N))


@pytest.mark.parametrize("with_answers", [True, False])
@pytest.mark.parametrize("share", [0, 1])
def test_at_0_and_100_percent_nine_runs_are_worth_the_photographs_and_not_nine_times_as_many(
    share: int, with_answers: bool
) -> None:
    found = interval(as_runs(np.full((3, 3, N), bool(share)), with_answers))
    assert found == pytest.approx(wilson(share * N, N), abs=1e-6)
    assert found[1] - found[0] > 0.015


def test_runs_that_recognise_the_same_photographs_are_worth_one() -> None:
    same = np.broadcast_to(np.arange(N) < 60, (3, 3, N))
    assert interval(as_runs(same)) == pytest.approx(wilson(60, N), abs=1e-4)
    rng = np.random.default_rng(0)
    low, high = interval(as_runs(rng.random((6, 6, N)) < 0.3))
    assert high - low < 0.8 * np.diff(wilson(60, N))[0]


def test_answers_narrow_an_interval_and_never_the_mean() -> None:
    right, _ = World(np.random.default_rng(1), (3, 3), method=0.05, attacker=0.05, both=0.05).method()
    with_answers, without = as_runs(right), as_runs(right, with_answers=False)
    assert with_answers.mean == without.mean
    assert np.diff(interval(with_answers))[0] < np.diff(interval(without))[0]


def test_attacker_seeds_that_differ_between_method_seeds_are_nested() -> None:
    right, _ = World(np.random.default_rng(2), (2, 3)).method()
    crossed = as_runs(right)
    assert crossed.answers
    seeds = {(one, two): (one, two + 3 * one) for one, two in crossed.shares}
    nested = Runs(
        {seeds[one]: share for one, share in crossed.shares.items()}, N,
        {seeds[one]: answers for one, answers in crossed.answers.items()},
    )  # fmt: skip
    assert nested.mean == pytest.approx(crossed.mean)
    assert interval(nested) != interval(crossed)
    uneven = Runs({one: share for one, share in crossed.shares.items() if one != (1, 2)}, N)
    assert (crossed.seeds, nested.seeds, uneven.seeds) == ("2 x 3", "2 x 3", "2 x 2-3")
    assert uneven.mean == pytest.approx(np.mean([right[0].mean(), right[1, :2].mean()]))


def without(runs: Runs, *missing: tuple[int, int]) -> Runs:
    answers = {seeds: given for seeds, given in (runs.answers or {}).items() if seeds not in missing}
    return Runs({seeds: runs.shares[seeds] for seeds in answers}, runs.n, answers)


@pytest.mark.parametrize(
    "missing",
    [[(2, 2)], [(2, 2), (1, 2)], [(0, 0), (1, 1), (2, 2)], [(1, 1), (1, 2), (2, 1), (2, 2)]],
)
def test_a_missing_run_does_not_make_shared_attacker_seeds_independent(missing: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(29)
    held = 0
    for _ in range(EXPERIMENTS):
        right, truth = World(rng, (3, 3), method=0.05, attacker=0.4, both=0.05).method()
        low, high = interval(without(as_runs(right), *missing))
        held += low <= truth <= high
    assert held / EXPERIMENTS >= 0.9


def test_an_attacker_seed_counts_as_much_as_it_does_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    right = World(np.random.default_rng(3), (3, 3), method=0.0, attacker=1.0, both=0.0).method()[0]
    complete = as_runs(right)
    assert complete.concentration == pytest.approx(1 / 3)
    uneven = without(complete, (1, 1), (1, 2), (2, 1), (2, 2))  # the first attacker seed is behind 7/9 of the mean
    assert uneven.concentration == pytest.approx((7 / 9) ** 2 + 2 * (1 / 9) ** 2)
    wide = interval(uneven)
    monkeypatch.setattr(Runs, "concentration", 1 / 3)
    narrow = interval(uneven)
    assert wide[1] - wide[0] > 1.15 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("seeds", [(1, 1), (3, 3)])
def test_images_of_the_same_photograph_do_not_count_as_photographs(seeds: tuple[int, int]) -> None:
    rng, held, naive = np.random.default_rng(5), 0, 0
    for _ in range(EXPERIMENTS):
        runs, truth = copied(rng, seeds)
        low, high = interval(runs)
        held += low <= truth <= high
        low, high = interval(replace(runs, of_each=1))
        naive += low <= truth <= high
    assert held / EXPERIMENTS >= 0.93
    assert naive / EXPERIMENTS <= 0.85  # as independent images they would cover far too little


def test_copies_without_answers_count_as_one_photograph_each() -> None:
    runs = Runs({(0, 0): 0.5}, 70, None, 7)
    assert interval(runs) == wilson(5, 10)
    with pytest.raises(ValueError, match="of each photograph"):
        difference(runs, replace(runs, of_each=1))


@pytest.mark.parametrize("seed", range(4))
def test_runs_of_one_set_on_several_images_of_each_photograph_have_the_interval_of_the_formula(seed: int) -> None:
    """Variances of seeds and photographs, their common part taken off once, and Satterthwaite's degrees of freedom."""
    runs, photographs, each = 4, 30, 3
    rng = np.random.default_rng(seed)
    odds = np.repeat(rng.normal(-0.5, 2.0, photographs), each) + rng.normal(0, 1.0, (runs, 1))
    right = rng.random((runs, photographs * each)) < expit(odds)
    answers = {(0, run): right[run].tolist() for run in range(runs)}
    shares = {one: sum(given) / len(given) for one, given in answers.items()}

    table = right.reshape(runs, photographs, each).mean(-1)
    middles = np.concatenate([table.mean(0), [0, 0, 1, 1]])
    of_photographs = middles.var(ddof=1) / (photographs + 4)
    of_seeds = table.mean(1).var(ddof=1) / runs
    common = max(0.0, (table.var(0, ddof=1).mean() / runs - of_seeds) / (photographs - 1))
    variance = of_seeds + of_photographs - common
    assert 0 < common < of_seeds  # so that each part counts
    degrees = variance**2 / (of_seeds**2 / (runs - 1) + of_photographs**2 / (photographs - 1))
    mean = table.mean()
    middle = (mean * photographs + 2) / (photographs + 4)
    independent = photographs * middle * (1 - middle) / (photographs + 3) / variance
    effective = independent * (1.959963984540054 / float(stdtrit(degrees, 0.975))) ** 2
    expected = wilson(mean * effective, effective)
    assert interval(Runs(shares, photographs * each, answers, each)) == pytest.approx(expected, rel=1e-9)
