from __future__ import annotations

import pytest

from tests.records import made_up
from uebench.analysis.leaderboard import benchmarks

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
    assert (line.method, line.attackers, line.best) == ("lsp", 2, 50)
    assert line.pairing is benchmark.pairings["lsp", "resnet18(epochs=2)"]
    assert line.pairing.drop == pytest.approx(80 - 25)
    assert benchmark.pairings["lsp", "resnet50"].drop is None


def test_the_leaderboard_ranks_by_the_drop() -> None:
    records = [made_up("clean", correct=160), made_up("weak", correct=150), made_up("strong", correct=20)]
    (benchmark,) = benchmarks(records)
    assert [line.method for line in benchmark.leaderboard] == ["strong", "weak"]
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
    assert [line.best for line in benchmark.leaderboard] == [75, 40, 70, 15]
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
