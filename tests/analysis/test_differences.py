"""Tests reject as often as they say: shown on made-up experiments."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.experiments import EXPERIMENTS, N, World, as_runs, copied
from uebench.analysis.statistics import Runs, difference, holm, interval


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


def test_a_difference_on_several_images_of_each_photograph_is_not_found_where_there_is_none() -> None:
    rng, found = np.random.default_rng(6), 0
    for _ in range(EXPERIMENTS):
        one, other = copied(rng, (1, 1))[0], copied(rng, (1, 1))[0]
        found += difference(one, other).p < 0.05
    assert found / EXPERIMENTS <= 0.07
