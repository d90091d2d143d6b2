from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.records import answered, made_up
from uebench.report.pages.ranking import COLUMNS
from uebench.store.store import Store

HALF = [number % 2 == 0 for number in range(200)]
NONE = [False] * 200
MOST = [number % 10 > 0 for number in range(200)]


@pytest.fixture
def measured(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for seed in range(3):
        for method, right in (("clean", MOST), ("lsp", HALF), ("ue", NONE)):
            store.cells.write(answered(method, right, **{"seed" if method == "clean" else "method_seed": seed}))
    jpeg = (("resnet18", {"epochs": 2}), ("jpeg", {"quality": 50}))
    store.cells.write(made_up("lsp", jpeg, correct=100))
    store.cells.write(made_up("clean", jpeg, correct=150))


def test_methods_stand_in_the_order_of_their_ranks_below_the_clean_reference(uebench: Command, measured: None) -> None:
    answer = uebench("leaderboard", "--format", "csv")
    assert answer.code == 0, answer.err
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["method"], row["rank_first"], row["rank_last"]) for row in rows] == [
        ("clean", "", ""), ("ue", "1", "1"), ("lsp", "2", "2"),
    ]  # fmt: skip
    assert {row["attacker"] for row in rows} == {"resnet18(epochs=2)"}
    assert [float(row["accuracy"]) for row in rows] == [90, 0, 50]
    assert [row["drop"] for row in rows] == ["", "90.0", "40.0"]
    assert rows[2]["worst_identity_accuracy"] == "50.0"


def test_a_method_with_a_single_run_stands_last_and_may_have_any_rank(
    uebench: Command, measured: None, tmp_path: Path
) -> None:
    Store(tmp_path / "results").cells.write(answered("tue", NONE))
    rows = uebench("leaderboard", "--json").json["rows"]
    assert [(row["method"], row["rank_first"], row["rank_last"]) for row in rows] == [
        ("clean", None, None), ("ue", 1, 2), ("lsp", 2, 3), ("tue", 1, 3),
    ]  # fmt: skip


def test_the_text_explains_its_columns(uebench: Command, measured: None) -> None:
    text = uebench("leaderboard").out
    assert "resnet18(epochs=2) on people, preset desk64, chance 10.0%" in text
    assert "50.0 [" in text and "3 x 3" not in text and "3 x 1" in text
    for column in ("rank", "accuracy", "worst identity", "cost", "seeds"):
        assert f"\n{column}: " in text


def test_an_attacker_may_be_named(uebench: Command, measured: None) -> None:
    rows = uebench("leaderboard", "--attacker", "resnet18+jpeg", "--json").json["rows"]
    assert [(row["method"], row["accuracy"]) for row in rows] == [("clean", 75), ("lsp", 50)]


def test_an_attacker_without_records_is_refused(uebench: Command, measured: None) -> None:
    answer = uebench("leaderboard", "--attacker", "resnet19")
    assert (answer.code, answer.complaint) == (
        2, "uebench: attacker 'resnet19': no record of it; did you mean 'resnet18'?",
    )  # fmt: skip


def test_an_empty_store_says_so(uebench: Command) -> None:
    assert "no records" in uebench("leaderboard").out


def test_a_method_alone_has_no_rank(uebench: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for method, right in (("clean", MOST), ("lsp", HALF)):
        store.cells.write(answered(method, right, seed=0))
    rows = list(csv.DictReader(io.StringIO(uebench("leaderboard", "--format", "csv").out)))
    assert [(row["method"], row["rank_first"]) for row in rows] == [("clean", ""), ("lsp", "")]


def test_bold_in_latex_is_a_method_that_is_proven_better_than_all_others(
    uebench: Command, measured: None, tmp_path: Path
) -> None:
    text = uebench("leaderboard", "--format", "tex").out
    assert r"Bold: proven better than every other method}" in text and r"ue & \textbf{0.0} [" in text
    (tmp_path / "close").mkdir()
    store = Store(tmp_path / "close")
    for method, right in (("clean", MOST), ("lsp", HALF), ("ue", HALF)):
        store.cells.write(answered(method, right))
    text = uebench("leaderboard", "--format", "tex", "--results", tmp_path / "close").out
    assert "textbf" not in text and "Bold" not in text


def test_the_notes_say_that_a_single_run_is_not_tested_and_may_have_any_rank(uebench: Command, measured: None) -> None:
    said = (
        "A method with fewer than three method seeds is not tested, because one or two protected sets hardly tell how "
        "much others would differ; it may have any rank"
    )
    for command in ("leaderboard", "compare"):
        assert said in " ".join(uebench(command).out.split())
    assert "or to load one that comes trained" in uebench("leaderboard").out
