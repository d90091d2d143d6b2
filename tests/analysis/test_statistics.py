"""The intervals cover, and the tests reject, as often as they say: shown on made-up experiments."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from uebench.analysis.statistics import Runs, difference, holm, interval, wilson

N, IDENTITIES = 200, 10
EXPERIMENTS = 300
POINTS = 8_000  # over which the accuracy that an interval should hold is averaged

Answers = NDArray[np.bool_]


def as_runs(right: Any, with_answers: bool = True) -> Runs:  # noqa: ANN401
    """Return runs of (method seeds, attacker seeds, photographs) of 0 and 1."""
    right = np.asarray(right)
    seeds = list(product(range(right.shape[0]), range(right.shape[1])))
    answers = {(one, two): right[one, two].tolist() for one, two in seeds}
    return Runs(
        {one: sum(given) / len(given) for one, given in answers.items()},
        right.shape[2],
        answers if with_answers else None,
    )


class World:
    """Random effects, on the logit scale, of method seed, attacker seed, both, photograph, identity, and the rest."""

    def __init__(
        self, rng: np.random.Generator, seeds: tuple[int, int], *, base: float = -1.0, method: float = 0.3,
        attacker: float = 0.15, both: float = 0.25, fails: float = 0.0,
    ) -> None:  # fmt: skip
        self.rng, self.seeds, self.base = rng, seeds, base
        self.fails = fails  # by how much the attacker does better with one protected set in three
        self.sizes = (method, attacker, both)
        self.identity = rng.normal(0, 0.6, IDENTITIES)
        self.photograph = rng.normal(0, 1.5, N) + np.repeat(self.identity, N // IDENTITIES)
        self.attacker = rng.normal(0, attacker, seeds[1])

    def method(self, shift: float = 0.0) -> tuple[Answers, float]:
        """Return what the runs of a method recognise, and the accuracy that an interval of them is about."""
        rng, (sets, attackers) = self.rng, self.seeds
        spread, of_attackers, both = self.sizes
        own, pairs = rng.normal(0, spread, sets), rng.normal(0, both, self.seeds)
        if self.fails:
            own += self.fails * (rng.random(sets) < 1 / 3)
        seeds = self.base + shift + own[:, None] + self.attacker + pairs
        logits = seeds[:, :, None] + self.photograph + rng.normal(0, 0.8, (*self.seeds, N))
        further = rng.choice(self.identity, POINTS) + rng.normal(0, math.hypot(1.5, 0.8), POINTS)
        if sets > 1:  # what has one seed is held fixed
            further += rng.normal(0, math.hypot(spread, both, of_attackers * (attackers > 1)), POINTS)
            further += self.attacker[0] * (attackers == 1)
            further += self.fails * (rng.random(POINTS) < 1 / 3 if self.fails else 0)
        elif attackers > 1:
            further += own[0] + rng.normal(0, math.hypot(of_attackers, both), POINTS)
        else:
            further += own[0] + self.attacker[0] + pairs[0, 0]
        return rng.random(logits.shape) < expit(logits), float(expit(self.base + shift + further).mean())


def coverage(seeds: tuple[int, int], *, with_answers: bool = True, **sizes: float) -> float:
    rng = np.random.default_rng(17)
    held = 0
    for _ in range(EXPERIMENTS):
        right, truth = World(rng, seeds, **sizes).method()
        low, high = interval(as_runs(right, with_answers))
        held += low <= truth <= high
    return held / EXPERIMENTS


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


@pytest.mark.parametrize(("seeds", "held"), [((3, 1), 0.85), ((3, 3), 0.85), ((9, 1), 0.95)])
def test_few_protected_sets_say_too_little_of_a_method_that_fails_with_one_in_three(
    seeds: tuple[int, int], held: float
) -> None:
    """What the documentation says of such methods."""
    assert coverage(seeds, base=-0.8, method=0.5, fails=3.0) == pytest.approx(held, abs=0.04)


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


@pytest.mark.parametrize("missing", [[(2, 2)], [(2, 2), (1, 2)], [(0, 0), (1, 1), (2, 2)]])
def test_a_missing_run_does_not_make_shared_attacker_seeds_independent(missing: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(29)
    held = 0
    for _ in range(EXPERIMENTS):
        right, truth = World(rng, (3, 3), method=0.05, attacker=0.4, both=0.05).method()
        low, high = interval(without(as_runs(right), *missing))
        held += low <= truth <= high
    assert held / EXPERIMENTS >= 0.9


def rejections(
    seeds: tuple[int, int],
    shift: float,
    experiments: int = EXPERIMENTS,
    with_answers: bool = True,
    below: float = 0.05,
    of_methods: bool = False,
    **sizes: float,
) -> float:
    rng = np.random.default_rng(23)
    wrong = 0
    for _ in range(experiments):
        world = World(rng, seeds, **sizes)
        if (
            seeds[0] == 1 and not of_methods
        ):  # one protected set each: the question is about these two, which must be alike
            world.sizes = (0.0, world.sizes[1], world.sizes[2] * (seeds[1] > 1))
        one, other = (as_runs(world.method(by)[0], with_answers) for by in (0.0, shift))
        wrong += difference(one, other).p < below
    return wrong / experiments


@pytest.mark.parametrize("seeds", [(3, 3), (1, 3), (3, 1), (1, 1)])
def test_two_methods_that_are_alike_are_rarely_told_apart(seeds: tuple[int, int]) -> None:
    assert rejections(seeds, 0.0) <= 0.075
    assert rejections(seeds, 0.0, 100, with_answers=False) <= 0.05


@pytest.mark.parametrize(("fails", "least"), [(0.0, 0.12), (3.0, 0.4)])
def test_one_protected_set_of_each_method_would_prove_too_much_about_the_methods(fails: float, least: float) -> None:
    """Why a method needs three method seeds for a test, however many attacker seeds there are."""
    assert rejections((1, 3), 0.0, of_methods=True, fails=fails) >= least
    assert rejections((3, 1), 0.0, of_methods=True, fails=fails) <= 0.075
    right = World(np.random.default_rng(1), (1, 9)).method()[0]
    assert not as_runs(right).can_be_tested
    assert replace(as_runs(right), is_one_set=True).can_be_tested


@pytest.mark.parametrize("seeds", [(3, 3), (1, 3)])
def test_attacker_seeds_that_two_methods_do_not_share_are_further_draws(seeds: tuple[int, int]) -> None:
    rng = np.random.default_rng(31)
    wrong = 0
    for _ in range(EXPERIMENTS):
        world = World(rng, seeds, method=0.05 * (seeds[0] > 1), attacker=0.4, both=0.05)
        one = as_runs(world.method()[0])
        world.attacker = rng.normal(0, 0.4, seeds[1])
        other = as_runs(world.method()[0])
        assert other.answers
        answers = {(sets, seed + 3): given for (sets, seed), given in other.answers.items()}
        shares = {(sets, seed + 3): share for (sets, seed), share in other.shares.items()}
        wrong += difference(one, Runs(shares, other.n, answers)).p < 0.05
    assert wrong / EXPERIMENTS <= 0.075


@pytest.mark.parametrize("seeds", [(3, 3), (1, 3), (1, 1)])
def test_an_obvious_difference_is_found(seeds: tuple[int, int]) -> None:
    assert rejections(seeds, 2.0, 100) >= 0.95


def test_a_difference_has_its_sign_and_an_interval_around_it() -> None:
    world = World(np.random.default_rng(4), (3, 3))
    weak, strong = (as_runs(world.method(by)[0]) for by in (2.0, 0.0))
    found, back = difference(weak, strong), difference(strong, weak)
    assert found.value == pytest.approx(weak.mean - strong.mean)
    assert 0 < found.low < found.value < found.high
    assert (back.value, back.low, back.p) == pytest.approx((-found.value, -found.high, found.p))
    assert found.seeds == ("3 x 3", "3 x 3")


def test_paired_photographs_tell_more_than_counts() -> None:
    rng = np.random.default_rng(6)
    hard = rng.random(N) < 0.5
    one = np.broadcast_to(hard, (1, 1, N)).copy()
    other = one.copy()
    other[..., np.flatnonzero(hard)[:12]] = False
    assert difference(as_runs(one), as_runs(other)).p < 0.01
    assert difference(as_runs(one, False), as_runs(other, False)).p > 0.1


def test_equal_answers_are_no_difference_and_their_interval_has_a_width() -> None:
    for right in (np.zeros((1, 1, N), bool), np.ones((3, 3, N), bool)):
        found = difference(as_runs(right), as_runs(right))
        assert (found.value, found.p) == (0, 1)
        assert 0.002 < found.high == -found.low < 0.03


def test_only_common_attacker_seeds_are_compared() -> None:
    right, _ = World(np.random.default_rng(7), (3, 3)).method()
    all_runs, first = as_runs(right), as_runs(right[:, :1])
    found = difference(all_runs, first)
    assert (found.value, found.seeds) == (0, ("3 x 1", "3 x 1"))
    three, one = as_runs(right[:1]), as_runs(right[:1, :1])
    found = difference(three, one)  # one run of three would tell less than all of them
    assert found.value == pytest.approx(three.mean - one.mean)
    assert found.seeds == ("1 x 3", "1 x 1")
    assert difference(three, first).seeds == ("1 x 3", "3 x 1")
    assert one.answers
    elsewhere = Runs({(0, 9): one.shares[0, 0]}, N, {(0, 9): one.answers[0, 0]})
    assert difference(three, elsewhere).seeds == ("1 x 3", "1 x 1")
    assert difference(three, elsewhere).value == pytest.approx(three.mean - one.mean)
    three = replace(three, is_one_set=True)
    assert three.answers
    answers = {(0, seed + 1): given for (_, seed), given in three.answers.items()}
    later = Runs({(0, seed + 1): share for (_, seed), share in three.shares.items()}, N, answers, is_one_set=True)
    assert difference(three, later).seeds == ("1 x 3", "1 x 3")  # with the two that both have, nothing could be tested
    with pytest.raises(ValueError, match="200 and 3 images"):
        difference(three, Runs({(0, 0): 1.0}, 3))


def test_holms_correction_is_that_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_table_of_60_rows_of_nine_runs_takes_no_time_and_is_reproducible() -> None:
    rng = np.random.default_rng(8)
    rows = [as_runs(rng.random((3, 3, N)) < 0.4) for _ in range(60)]
    begun = time.perf_counter()
    first = [interval(row) for row in rows]
    assert time.perf_counter() - begun < 1
    assert first == [interval(row) for row in rows]


@pytest.mark.parametrize("seeds", [(1, 1), (3, 1), (3, 3)])
def test_a_single_run_would_be_told_apart_too_often(seeds: tuple[int, int]) -> None:
    """Why no table tests one: its interval leaves out what its seed does."""
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(EXPERIMENTS):
        world = World(rng, seeds)
        one = as_runs(world.method()[0])
        world.seeds = (1, 1)
        world.attacker = world.attacker[:1]
        wrong += difference(one, as_runs(world.method()[0])).p < 0.05
    assert wrong / EXPERIMENTS > 0.1


def test_two_runs_reject_too_often_at_the_p_values_that_corrections_for_many_tests_ask_for() -> None:
    """Why ``ENOUGH`` is three."""
    two, three = (rejections((runs, 1), 0.0, experiments=1500, below=0.05 / 28) for runs in (2, 3))
    assert two > 2 * max(0.05 / 28, three)


PHOTOGRAPHS, OF_EACH = 30, 7


def copied(rng: np.random.Generator, seeds: tuple[int, int], shift: float = 0.0) -> tuple[Runs, float]:
    """Return runs on several images of each photograph, and the accuracy on many photographs."""
    level, noise = -0.5 + shift, 0.6
    own = rng.normal(0, 0.3, (*seeds, 1, 1)) if math.prod(seeds) > 1 else 0.0
    photograph = rng.normal(0, 1.5, (PHOTOGRAPHS, 1))
    logits = level + own + photograph + rng.normal(0, noise, (*seeds, PHOTOGRAPHS, OF_EACH))
    right = (rng.random(logits.shape) < expit(logits)).reshape(*seeds, -1)
    spread_of_seeds = 0.3 if math.prod(seeds) > 1 else 0.0
    truth = expit(level + rng.normal(0, math.hypot(1.5, noise, spread_of_seeds), POINTS)).mean()
    return replace(as_runs(right), of_each=OF_EACH), float(truth)


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


def test_a_difference_on_several_images_of_each_photograph_is_not_found_where_there_is_none() -> None:
    rng, found = np.random.default_rng(6), 0
    for _ in range(EXPERIMENTS):
        one, other = copied(rng, (1, 1))[0], copied(rng, (1, 1))[0]
        found += difference(one, other).p < 0.05
    assert found / EXPERIMENTS <= 0.07


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
