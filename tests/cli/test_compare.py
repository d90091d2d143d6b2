from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.records import made_up, several
from uebench.analysis.comparison import COLUMNS
from uebench.store.store import Store


@pytest.fixture
def measured(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for method, correct in (("lsp", 40), ("ue", 80), ("clean", 160)):
        for record in several(method, correct=correct):
            store.cells.write(record)


def test_methods_are_compared_in_text_csv_and_json(uebench: Command, measured: None) -> None:
    answer = uebench("compare")
    assert answer.code == 0, answer.err
    assert "resnet18(epochs=2) on people, preset desk" in answer.out
    assert "p (Holm): corrected for the number of tests shown, 3" in answer.out
    chosen = ("compare", "--method", "lsp", "--method", "ue", "--attacker", "resnet18", "--data", "people")
    (line,) = [line for line in uebench(*chosen).out.splitlines() if line.split()[:2] in (["lsp", "ue"], ["ue", "lsp"])]
    assert "20.0 [" in line and "<0.001" in line and "3 x 1" in line and "200" in line
    (row,) = csv.DictReader(io.StringIO(uebench(*chosen, "--format", "csv").out))
    (same,) = uebench(*chosen, "--json").json["rows"]
    assert list(row) == list(COLUMNS)
    assert float(row["difference"]) == same["difference"]
    assert abs(same["difference"]) == pytest.approx(20)
    assert float(row["p"]) == same["p"] == same["p_holm"] < 0.001
    assert "p (Holm): corrected for the number of tests shown, 1" in uebench(*chosen).out


def test_a_single_run_is_compared_without_a_p_value(uebench: Command, measured: None, tmp_path: Path) -> None:
    Store(tmp_path / "results").cells.write(made_up("tue", correct=0))
    text = uebench("compare").out
    assert "p (Holm): corrected for the number of tests shown, 3" in text
    lines = [line for line in text.splitlines() if line.endswith(" 200")]
    alone = [line for line in lines if "tue" in line.split()[:2]]
    assert (len(lines), len(alone)) == (6, 3)
    for line in lines:
        assert bool(re.search(r"\]\* +- +- +\d", line)) == (line in alone)
    shown = [line for line in uebench("compare", "--tested").out.splitlines() if line.endswith(" 200")]
    assert len(shown) == 3 and not any("tue" in line for line in shown)
    assert "preset, each with three method seeds" in uebench("compare", "--tested", "--method", "tue").out
    found = {(row["method_a"], row["method_b"]): row for row in uebench("compare", "--json").json["rows"]}
    table = {
        (row["method_a"], row["method_b"]): row
        for row in csv.DictReader(io.StringIO(uebench("compare", "--format", "csv").out))
    }
    assert len(found) == 6
    for pair, row in found.items():
        assert ((row["p"], row["p_holm"]) == (None, None)) == ("tue" in pair)
        assert ((table[pair]["p"], table[pair]["p_holm"]) == ("", "")) == ("tue" in pair)
        assert row["low"] < row["difference"] < row["high"]


def test_methods_are_compared_after_the_best_epochs_on_request(uebench: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for method, best in (("lsp", 60), ("ue", 120)):
        store.cells.write(made_up(method, correct=40, peak={"correct": best, "n": 200, "epoch": 1}))
    (last,) = uebench("compare", "--json").json["rows"]
    answer = uebench("compare", "--peak", "--json").json
    assert last["difference"] == 0
    assert abs(answer["rows"][0]["difference"]) == pytest.approx(30)
    assert "best epoch" in answer["title"]


def test_nothing_to_compare_is_said(uebench: Command, measured: None) -> None:
    answer = uebench("compare", "--method", "lsp")
    assert answer.code == 0
    assert "no two methods faced the same attacker" in answer.out
    assert uebench("compare", "--method", "lsp", "--format", "csv").out.split(",")[0] == "data"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--method", "lps"), "method 'lps': no record of it; did you mean 'lsp'"),
        (("--format", "pdf"), "format 'pdf': unknown"),
        (("--data", "nobody"), "no record of that set"),
    ],
)
def test_wrong_requests_are_refused(uebench: Command, measured: None, args: tuple[str, ...], complaint: str) -> None:
    answer = uebench("compare", *args)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_an_unknown_preset_is_refused(uebench: Command) -> None:
    answer = uebench("compare", "--preset", "deks")
    assert answer.code != 0
    assert answer.complaint == "uebench: unknown preset 'deks'; did you mean 'desk'?"


def test_damaged_records_are_said_to_be_left_out(uebench: Command, tmp_path: Path) -> None:
    file = tmp_path / "results" / "cells" / "00" / f"{'0' * 64}.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert "1 damaged record left out: " in uebench("compare").err


def test_two_data_sets_of_one_name_are_told_apart_by_their_keys(
    uebench: Command, measured: None, tmp_path: Path
) -> None:
    store, other = Store(tmp_path / "results"), "abcd" * 16
    for record in store.cells.readable()[0]:
        key = record.key[::-1]
        store.cells.write(record.model_copy(update={"data_key": other, "key": key}))
        mine = record.data_key
    for command in ("compare", "leaderboard"):
        text = uebench(command).out
        assert f"on people ({mine[:8]}), preset" in text and "on people (abcdabcd), preset" in text
        names = {row["data"] for row in uebench(command, "--json").json["rows"]}
        assert names == {f"people ({mine[:8]})", "people (abcdabcd)"}
    assert uebench("report", "--html", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert ">people (abcdabcd)</h2>" in page and f">people ({mine[:8]})</h2>" in page
