from __future__ import annotations

import pytest

from tests.records import made_up, several
from uebench.analysis.leaderboard import benchmarks
from uebench.analysis.runs import seconds

NET = ("resnet18", {"epochs": 2})
HEAVY_JPEG = ("jpeg", {"quality": 10})


def test_the_drop_is_the_reference_of_the_same_attacker_minus_the_mean_over_seeds() -> None:
    (benchmark,) = benchmarks(
        [
            made_up("clean", correct=160),
            made_up("clean", [NET, HEAVY_JPEG], correct=120),
            made_up("lsp", correct=40),
            made_up("lsp", correct=60, seed=1),
            made_up("lsp", [NET, HEAVY_JPEG], correct=100),
            made_up("lsp", [("resnet50", {})], correct=0),
        ]
    )
    (line,) = benchmark.leaderboard
    assert (line.method, line.attackers, str(line.rank)) == ("lsp", 2, "1")
    assert line.strongest is benchmark.pairings["lsp", "resnet18(epochs=2)+jpeg(quality=10)"]
    assert line.pairing is benchmark.pairings["lsp", "resnet18(epochs=2)"]
    assert line.pairing.drop == pytest.approx(80 - 25)
    assert benchmark.pairings["lsp", "resnet50"].drop is None


def test_the_leaderboard_ranks_by_the_drop() -> None:
    records = [*several("clean", correct=160), *several("weak", correct=150), *several("strong", correct=20)]
    (benchmark,) = benchmarks(records)
    assert [(line.method, str(line.rank)) for line in benchmark.leaderboard] == [("strong", "1"), ("weak", "2")]
    assert benchmark.methods == ["clean", "strong", "weak"]


def test_methods_are_ranked_by_the_attacker_that_most_of_them_met() -> None:
    """A method is not worse for having met an attacker that others were spared."""
    records = [made_up("clean", correct=160), made_up("clean", [NET, HEAVY_JPEG], correct=150)]
    records += [made_up("tried", correct=20), made_up("tried", [NET, HEAVY_JPEG], correct=150)]
    records += [made_up("spared", correct=80), made_up("elsewhere", [NET, HEAVY_JPEG], correct=30)]
    records += [made_up("other", correct=140)]
    (benchmark,) = benchmarks(records)
    assert benchmark.common_attacker == "resnet18(epochs=2)"
    assert [line.method for line in benchmark.leaderboard] == ["tried", "spared", "other", "elsewhere"]
    assert [line.strongest and line.strongest.accuracy for line in benchmark.leaderboard] == [10, 40, 70, None]
    assert [line.attackers for line in benchmark.leaderboard] == [2, 1, 1, 1]
    assert benchmark.leaderboard[-1].pairing is None


def test_the_colour_runs_from_the_reference_to_chance_and_stays_there() -> None:
    counts = (10, 20, 90, 160, 190)
    (benchmark,) = benchmarks([made_up("clean", correct=160)] + [made_up(f"m{n}", correct=n) for n in counts])
    depths = [benchmark.pairings[f"m{n}", "resnet18(epochs=2)"].depth for n in counts]
    assert depths == pytest.approx([1, 1, 0.5, 0, 0])


def test_two_methods_written_alike_but_with_other_options_stay_apart() -> None:
    other = made_up("lsp").method.model_copy(update={"version": 2})
    records = [made_up("lsp"), made_up("lsp").model_copy(update={"method": other})]
    (benchmark,) = benchmarks(records)
    assert {method for method, _ in benchmark.pairings} == {"lsp", "lsp #2"}


def test_two_attackers_with_other_weights_in_files_of_one_name_stay_apart() -> None:
    weights = [[{"file": "net.safetensors", "sha256": digit * 64}] for digit in "ab"]
    (benchmark,) = benchmarks([made_up(attacker_assets=one) for one in weights])
    assert len(benchmark.attackers) == 2


def test_the_best_attacker_is_of_those_that_all_ranked_methods_met() -> None:
    records = [made_up(name, chain, correct) for name, chain, correct in (
        ("clean", [NET], 160), ("clean", [NET, HEAVY_JPEG], 150), ("clean", [("resnet50", {})], 150),
        ("one", [NET], 20), ("one", [NET, HEAVY_JPEG], 60), ("one", [("resnet50", {})], 150),
        ("two", [NET], 40), ("two", [NET, HEAVY_JPEG], 30),
    )]  # fmt: skip
    (benchmark,) = benchmarks(records)
    assert benchmark.shared_attackers == ["resnet18(epochs=2)", "resnet18(epochs=2)+jpeg(quality=10)"]
    assert [line.strongest and line.strongest.accuracy for line in benchmark.leaderboard] == [30, 20]


def test_methods_that_a_paired_test_cannot_tell_apart_share_their_ranks() -> None:
    records = [*several("clean", correct=160), *several("good", correct=20), *several("as_good", correct=24)]
    (benchmark,) = benchmarks([*records, *several("weak", correct=120)])
    found = {line.method: str(line.rank) for line in benchmark.leaderboard}
    assert found == {"good": "1-2", "as_good": "1-2", "weak": "3"}


def test_a_method_with_few_runs_stands_above_one_with_more_only_if_they_can_be_told_apart() -> None:
    four = [made_up("four", correct=correct, method_seed=seed) for seed, correct in enumerate((40, 42, 44, 42))]
    for correct, order in ((34, ["four", "three"]), (5, ["three", "four"])):
        three = [made_up("three", correct=correct + seed, method_seed=seed) for seed in range(3)]
        (benchmark,) = benchmarks([*several("clean", correct=160), *four, *three])
        assert [line.method for line in benchmark.leaderboard] == order


@pytest.mark.parametrize("correct", [0, 200])
def test_a_method_with_a_single_run_may_have_any_rank_and_stands_below_those_with_several(correct: int) -> None:
    records = [*several("good", correct=20), *several("as_good", correct=24), *several("weak", correct=120)]
    (benchmark,) = benchmarks([*several("clean", correct=160), made_up("alone", correct=correct), *records])
    found = [(line.method, str(line.rank)) for line in benchmark.leaderboard]
    assert found == [("good", "1-3"), ("as_good", "1-3"), ("weak", "3-4"), ("alone", "1-4")]


def test_methods_with_single_runs_stand_in_the_order_of_their_accuracies_and_may_have_any_rank() -> None:
    counts = {"middle": 80, "good": 0, "weak": 160}
    records = [made_up(name, correct=correct) for name, correct in counts.items()]
    (benchmark,) = benchmarks([*several("clean", correct=160), *records])
    found = [(line.method, str(line.rank)) for line in benchmark.leaderboard]
    assert found == [("good", "1-3"), ("middle", "1-3"), ("weak", "1-3")]


def test_a_method_whose_rank_is_uncertain_stands_below_those_that_are_proven_better_than_others() -> None:
    counts = {"clean": (160, 161, 162), "spread": (5, 60, 158), "good": (30, 31, 33), "weak": (150, 151, 153)}
    varied = {"clean": "seed"}
    records = [
        made_up(name, **{varied.get(name, "method_seed"): seed, "correct": correct})  # type: ignore[arg-type]
        for name in counts
        for seed, correct in enumerate(counts[name])
    ]
    (benchmark,) = benchmarks(records)
    ranks = {line.method: str(line.rank) for line in benchmark.leaderboard}
    assert ranks == {"good": "1-2", "spread": "1-3", "weak": "2-3"}
    assert list(ranks) == ["good", "spread", "weak"]


def test_the_worst_off_identity_is_the_one_that_is_recognised_best_over_all_runs() -> None:
    runs = [(0, 20, 12, *[1] * 7), (0, 2, 14, *[1] * 7)]
    records = [
        made_up(seed=seed, correct=sum(right), per_identity=[{"correct": one, "n": 20} for one in right])
        for seed, right in enumerate(runs)
    ]
    (benchmark,) = benchmarks(records)
    worst = benchmark.pairings["lsp", "resnet18(epochs=2)"].worst
    assert worst.number == 2
    assert worst.share == pytest.approx(0.65)


def test_the_best_protection_is_named_only_if_it_is_shown_to_protect() -> None:
    for counts, shown in ((("one", 150), ("two", 156)), False), ((("one", 20), ("two", 156)), True):
        records = several("clean", correct=160) + [run for name, n in counts for run in several(name, correct=n)]
        (benchmark,) = benchmarks(records)
        (best,) = benchmark.best
        assert (best.pairing.method, best.protects, best.tested, best.others) == ("one", shown, True, 1)


@pytest.mark.parametrize(
    ("clean", "one", "tested", "shown"),
    [(3, 3, True, True), (3, 2, False, False), (3, 1, False, False), (1, 3, False, False), (1, 1, False, False)],
)
def test_a_method_is_shown_to_protect_only_by_several_runs_of_it_and_of_the_clean_reference(
    clean: int, one: int, tested: bool, shown: bool
) -> None:
    records = several("clean", correct=160, runs=clean) + several("one", correct=20, runs=one)
    (benchmark,) = benchmarks([*records, made_up("alone", correct=0)])
    (best,) = benchmark.best
    assert (best.tested, best.protects) == (tested, shown)
    pairings = [benchmark.pairings[name, best.pairing.attacker] for name in ("one", "alone")]
    assert [pairing.can_be_tested for pairing in pairings] == [tested, False]
    if shown:
        assert (best.pairing.method, best.as_good) == ("one", ("alone",))


def test_a_method_that_is_shown_to_protect_is_named_before_one_with_more_runs_that_is_not() -> None:
    spread = [made_up("spread", correct=correct, method_seed=seed) for seed, correct in enumerate((5, 50, 158, 160))]
    steady = [made_up("steady", correct=correct, method_seed=seed) for seed, correct in enumerate((98, 99, 100))]
    clean = [made_up("clean", correct=correct, seed=seed) for seed, correct in enumerate((158, 160, 162))]
    (benchmark,) = benchmarks([*clean, *spread, *steady])
    assert next(iter(benchmark.ranks[benchmark.common_attacker])) == "spread"
    (best,) = benchmark.best
    assert (best.pairing.method, best.protects, best.as_good) == ("steady", True, ("spread",))


def test_only_a_method_that_is_alone_in_the_first_rank_is_proven_best() -> None:
    for correct, proven in ((24, ""), (90, "one")):
        records = several("clean", correct=160) + several("one", correct=20) + several("two", correct=correct)
        (benchmark,) = benchmarks(records)
        assert benchmark.proven_best(benchmark.common_attacker) == proven
    (benchmark,) = benchmarks(several("clean", correct=160) + several("alone", correct=20))
    assert benchmark.proven_best(benchmark.common_attacker) == ""


@pytest.mark.parametrize(("one", "two"), [(1, 1), (1, 3), (3, 1)])
def test_none_is_proven_better_than_a_method_with_a_single_run_nor_that_than_any(one: int, two: int) -> None:
    records = several("one", correct=20, runs=one) + several("two", correct=190, runs=two)
    (benchmark,) = benchmarks([*several("clean", correct=160), *records])
    assert benchmark.proven_best(benchmark.common_attacker) == ""


def test_the_cost_of_a_method_counts_each_protected_set_once() -> None:
    timings = made_up().timings
    records = [
        made_up(protect_key=key * 64, seed=seed, timings=timings.model_copy(update={"fit_seconds": fit}).model_dump())
        for seed, (key, fit) in enumerate((("a", 1.0), ("a", 1.0), ("b", 4.0)))
    ]
    assert seconds(records) == pytest.approx(2.5 + timings.protect_seconds)


def test_the_cost_of_a_set_made_by_other_code_is_unknown() -> None:
    assert seconds([made_up("protected")]) is None
