from __future__ import annotations

import pandas as pd
import pytest

from tests.records import made_up
from uebench.analysis.choice import chosen
from uebench.analysis.frame import COLUMNS, frame, latex, matrix, seeds
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import wilson


def test_a_frame_has_one_row_per_record_with_the_documented_columns() -> None:
    record = made_up("lsp", correct=40, seed=3)
    cells = frame([record, made_up("ue")])
    assert list(cells.columns) == list(COLUMNS)
    row = cells.iloc[0]
    assert (row["key"], row["method"], row["attacker"], row["seed"]) == (record.key, "lsp", "resnet18", 3)
    assert (row["accuracy"], row["chance"], row["correct"], row["n"]) == (0.2, 0.1, 40, 200)
    assert (row["low"], row["high"]) == wilson(40, 200)
    shares = [one.share for one in record.per_identity]
    assert (row["most_recognised"], row["least_recognised"]) == (max(shares), min(shares))
    assert (
        shares[row["most_recognised_identity"]] == max(shares) > min(shares) == shares[row["least_recognised_identity"]]
    )
    assert (row["peak"], row["peak_epoch"]) == (record.peak.share, record.peak.epoch)


def test_a_frame_says_what_the_method_saw_as_labels() -> None:
    side = {"labels": 0.8, "purity": {"correct": 8, "n": 10}}
    assert list(frame([made_up(), made_up(side_information=side)])["labels"]) == ["true", 0.8]


def test_a_name_that_holds_a_key_is_shown_with_its_first_digits_and_found_by_either() -> None:
    key = "d700c37f245b" + "e" * 52
    written = {"method": "ue", "attacker": f'finetune(weights="{key}.safetensors")'}
    record = made_up("ue").model_copy(update={"written": written})
    short = 'finetune(weights="d700c37f245b….safetensors")'
    assert list(frame([record])["attacker_label"]) == [short]
    assert chosen("attacker", [written["attacker"]], {short: "finetune"}) == {short}
    assert chosen("attacker", [short], {short: "finetune"}) == {short}


def test_a_frame_says_what_withstands_an_attack() -> None:
    robust = {"rho": 4 / 255, "steps": 20, "counts": {"correct": 30, "n": 200}}
    unknown = {"rho": 4 / 255, "steps": 20, "counts": None, "reason": "the classifier gives no gradient"}
    found = frame([made_up(robust=robust), made_up(), made_up(robust=unknown)])["robust"]
    assert found[0] == 0.15
    assert list(found.isna()) == [False, True, True]


def test_no_records_give_an_empty_frame_and_an_empty_matrix() -> None:
    assert list(frame([]).columns) == list(COLUMNS)
    assert matrix([]).shape == (0, 0)


def test_the_matrix_holds_means_over_seeds_in_percent_and_gaps() -> None:
    records = [made_up("ue", correct=40), made_up("ue", correct=60, seed=1), made_up("clean", [("resnet50", {})])]
    shown = matrix(records)
    assert list(shown.index) == ["ue", "clean"]
    assert list(shown.columns) == ["resnet18(epochs=2)", "resnet50"]
    assert shown.loc["ue", "resnet18(epochs=2)"] == pytest.approx(25)
    assert shown.isna().to_numpy().tolist() == [[False, True], [True, False]]
    assert seeds(records).to_numpy().tolist() == [[2, 0], [0, 1]]
    pd.testing.assert_frame_equal(matrix(frame(records)), shown)


def test_the_matrix_goes_by_options_not_by_how_they_were_written() -> None:
    short, long = ({"method": "lsp", "attacker": attacker} for attacker in ("resnet18", "resnet18(epochs=2)"))
    alike = [made_up(written=long), made_up(seed=1, correct=50, written=short)]
    assert matrix(alike).to_dict() == {"resnet18": {"lsp": pytest.approx(37.5)}}
    other = made_up(attacker=[("resnet18", {"epochs": 3})], written=short)
    shown = matrix([*alike, other])
    assert (list(shown.index), shown.shape) == (["lsp"], (1, 2))


def test_rows_of_several_data_sets_name_their_set() -> None:
    elsewhere = made_up().data.model_copy(update={"name": "others"})
    assert list(matrix([made_up(), made_up(data=elsewhere)]).index) == ["lsp (people)", "lsp (others)"]


def test_the_latex_table_escapes_names_and_rounds_to_a_decimal() -> None:
    text = latex([made_up("my_method", correct=41), made_up("ue", [("resnet50", {})])], "Accuracy", "tab:all")
    for part in (r"\toprule", r"my\_method & 20.5 & --", "{lrr}", r"\caption{Accuracy}", r"\label{tab:all}"):
        assert part in text
    assert latex([made_up()]).startswith(r"\begin{tabular}")


def test_the_lowest_accuracy_of_each_column_is_bold_and_the_clean_reference_never() -> None:
    net: list[tuple[str, dict[str, object]]] = [("resnet50", {})]
    records = [made_up("clean", correct=10), made_up("lsp", correct=41), made_up("ue", correct=60)]
    text = latex([*records, made_up("lsp", net, correct=90), made_up("ue", net, correct=80)])
    assert r"lsp & \textbf{20.5} & 45.0" in text and r"ue & 30.0 & \textbf{40.0}" in text and "clean & 5.0 & --" in text


def test_records_of_other_photographs_or_another_preset_are_never_averaged() -> None:
    first, more = made_up(correct=40), made_up(correct=60, data_key="b" * 64)
    assert list(matrix([first, more]).index) == [f"lsp ({first.data_key[:8]})", "lsp (bbbbbbbb)"]
    assert matrix([first, more]).to_numpy().tolist() == [[20], [30]]
    assert list(matrix([first, made_up(correct=60, preset="smoke")]).index) == [f"lsp ({first.preset})", "lsp (smoke)"]
    records = [record for one in (first, more) for record in (one, made_up("ue", data_key=one.data_key))]
    assert "textbf" not in latex(records) and "Bold" not in latex(records, "Accuracy")


def test_every_method_seed_counts_the_same_as_in_the_leaderboard() -> None:
    seeds_of = ((0, 0, 20), (0, 1, 40), (1, 0, 100))
    records = [made_up(correct=n, method_seed=method, seed=seed) for method, seed, n in seeds_of]
    assert matrix(records).to_numpy().tolist() == [[pytest.approx(100 * runs_of(records).mean)]]
    assert seeds(records).to_numpy().tolist() == [[3]]


def test_the_caption_of_the_latex_table_says_what_is_bold() -> None:
    records = [made_up("lsp", correct=41), made_up("ue", correct=60)]
    assert r"\caption{All of it. Bold: the lowest mean of its column}" in latex(records, "All of it.")
    assert r"\caption{Bold: the lowest mean of its column}" in latex(records, label="tab:all")
