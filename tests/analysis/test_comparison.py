from __future__ import annotations

import pytest

from tests.records import answered, made_up
from uebench.analysis.comparison import COLUMNS, compare, frame
from uebench.api.result import Records
from uebench.errors import UsageError

JPEG = [("resnet18", {"epochs": 2}), ("jpeg", {"quality": 10})]


def test_every_two_methods_are_compared_that_met_the_same_attacker_on_the_same_set() -> None:
    elsewhere = made_up().data.model_copy(update={"name": "others"})
    records = [made_up("lsp"), made_up("ue"), made_up("clean"), made_up("lsp", JPEG), made_up("ue", JPEG)]
    records += [made_up("lsp", data=elsewhere, data_key="0"), made_up("ue", [("resnet50", {})], data_key="0")]
    found = frame(compare(records))
    assert list(found.columns) == list(COLUMNS)
    assert (found["data"] == "people").all()
    assert len(found) == 3 + 1
    assert list(Records(records).compare(["lsp", "ue"], ["resnet18+jpeg"])["attacker"]) == [JPEG_AS_WRITTEN]
    assert frame(compare([made_up()])).shape == (0, len(COLUMNS))


JPEG_AS_WRITTEN = "resnet18(epochs=2)+jpeg(quality=10)"


def test_a_comparison_is_in_points_with_an_interval_and_corrected_for_the_number_of_rows() -> None:
    shares = {"good": 20, "weak": 60, "weaker": 80}
    records = [made_up(name, correct=right, method_seed=seed) for name, right in shares.items() for seed in range(3)]
    found = frame(compare(records))
    good = found[(found["method_a"] == "good") & (found["method_b"] == "weak")].iloc[0]
    assert good["difference"] == pytest.approx(-20)
    assert -30 < good["low"] < -20 < good["high"] < -10
    assert (good["seeds"], good["n"], good["paired"]) == ("3 x 1", 200, False)
    assert good["p"] < good["p_holm"] < 0.001
    assert (found["p_holm"] >= found["p"]).all()
    (alone,) = compare(records, ["good", "weak"])
    assert alone.test.p_holm == alone.test.p == pytest.approx(good["p"])


@pytest.mark.parametrize("runs", [1, 2])
def test_one_or_two_runs_are_shown_and_not_tested(runs: int) -> None:
    several = [
        made_up(name, correct=right, method_seed=seed) for name, right in (("a", 20), ("b", 80)) for seed in range(3)
    ]
    few = [made_up("few", correct=150, method_seed=seed) for seed in range(runs)]
    found = frame(compare([*several, *few]))
    tested = found[found["p"].notna()]
    assert list(zip(tested["method_a"], tested["method_b"], strict=True)) == [("a", "b")]
    assert (tested["p_holm"] == tested["p"]).all()  # corrected for one test, not for three rows
    assert found["difference"].notna().all() and found[found["p"].isna()]["p_holm"].isna().all()


def test_photographs_are_paired_where_records_hold_the_answers() -> None:
    right = [number % 2 == 0 for number in range(200)]
    fewer = [one and number > 24 for number, one in enumerate(right)]
    (paired,) = compare([answered("a", right), answered("b", fewer)])
    (unpaired,) = compare([made_up("a", correct=sum(right)), made_up("b", correct=sum(fewer))])
    assert paired.document()["paired"]
    gaps = paired.test.difference, unpaired.test.difference
    assert gaps[0].value == gaps[1].value == pytest.approx(13 / 200)
    assert gaps[0].p < 0.01 < 0.1 < gaps[1].p


def test_seeds_say_what_was_compared() -> None:
    records = [made_up("a", seed=seed, method_seed=method) for method in range(2) for seed in range(3)]
    records += [made_up("b", seed=seed) for seed in range(3)]
    assert [one.document()["seeds"] for one in compare(records)] == ["2 x 3 / 1 x 3"]


def test_a_name_stands_for_what_is_written_so_else_for_all_of_its_kind() -> None:
    records = [
        made_up("lsp"),
        made_up("ue"),
        made_up("ue", written={"method": "ue(eps=1/255)", "attacker": "resnet18"}),
    ]
    records[2] = records[2].model_copy(
        update={"method": records[2].method.model_copy(update={"config": {"eps": 1 / 255}})}
    )
    assert len(compare(records, ["lsp", "ue"])) == 1
    assert len(compare(records, ["lsp", "ue(eps=1/255)"])) == 1
    with pytest.raises(UsageError, match="method 'lps': no record of it; did you mean 'lsp'"):
        compare(records, ["lps"])
    with pytest.raises(UsageError, match="attacker 'resnet19'"):
        compare(records, (), ["resnet19"])
