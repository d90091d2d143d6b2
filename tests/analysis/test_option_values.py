from __future__ import annotations

import pytest

from tests.records import made_up
from uebench.analysis.comparison import frame
from uebench.analysis.option_values import compare_across
from uebench.errors import UsageError
from uebench.store.record import Record


def test_values_of_an_option_are_compared_where_nothing_else_differs() -> None:
    def one(method: str, lr: float, seed: int, correct: int = 100, epochs: int = 2) -> Record:
        return made_up(method, [("resnet18", {"epochs": epochs, "lr": lr})], correct, seed)

    records = [one(name, lr, seed) for name in ("lsp", "clean") for lr in (0.1, 0.01) for seed in (0, 1)]
    records += [one("lsp", 0.1, 0, epochs=3)]  # no other value of lr
    found = frame(compare_across("lr", records))
    assert sorted(zip(found["method_a"], found["method_b"], strict=True)) == [("clean", "clean"), ("lsp", "lsp")]
    assert {tuple(sorted(text.split(" / "))) for text in found["attacker"]} == {
        ("resnet18(epochs=2, lr=0.01)", "resnet18(epochs=2, lr=0.1)")
    }
    assert list(found["seeds"]) == ["1 x 2", "1 x 2"]
    assert len(compare_across("lr", records, ["lsp"], ["resnet18"])) == 1
    with pytest.raises(UsageError, match="across 'epoch': no record has this option; did you mean 'epochs'"):
        compare_across("epoch", records)


def test_an_option_may_be_of_the_method_and_of_the_attacker_at_once() -> None:
    def one(precision: str, seed: int) -> Record:
        record = made_up("ue", [("resnet18", {"precision": precision})], seed=seed)
        config = {"precision": precision} if precision != "float32" else {}  # options added later enter no record
        return record.model_copy(update={"method": record.method.model_copy(update={"config": config})})

    (found,) = compare_across("precision", [one(name, seed) for name in ("float32", "bfloat16") for seed in (0, 1, 2)])
    assert found.document()["seeds"] == "1 x 3"


def test_values_are_compared_on_method_seeds_that_both_have_and_in_one_direction() -> None:
    def one(lr: float, seed: int, method_seed: int) -> Record:
        return made_up("lsp", [("resnet18", {"epochs": 2, "lr": lr})], seed=seed, method_seed=method_seed)

    records = [one(0.1, seed, method_seed) for seed in (0, 1) for method_seed in (0, 1, 2)]
    records += [one(0.01, seed, 0) for seed in (0, 1)]
    (found,) = compare_across("lr", records)
    assert found.document()["seeds"] == "1 x 2"
    assert (found.one.attacker, found.other.attacker) == ("resnet18(epochs=2, lr=0.01)", "resnet18(epochs=2, lr=0.1)")
    assert compare_across("lr", [one(0.1, 0, 1), one(0.01, 0, 2)]) == []


def test_files_of_weights_and_labels_are_values_too() -> None:
    trained, packaged = made_up("segue"), made_up("segue", assets=[{"file": "a.safetensors", "sha256": "0" * 64}])
    trained, packaged = (
        one.model_copy(update={"method": one.method.model_copy(update={"config": {"weights": value}})})
        for one, value in ((trained, None), (packaged, "auto"))
    )
    assert len(compare_across("weights", [trained, packaged])) == 1
    assert compare_across("lr", [trained, packaged, made_up(attacker=[("resnet18", {"lr": 1})])]) == []


def test_what_has_other_weights_as_well_is_not_the_same() -> None:
    def one(lr: float, sha256: str) -> Record:
        return made_up("segue", [("resnet18", {"lr": lr})], assets=[{"file": "a.safetensors", "sha256": sha256 * 64}])

    assert len(compare_across("lr", [one(0.1, "0"), one(0.01, "0")])) == 1
    assert compare_across("lr", [one(0.1, "0"), one(0.01, "1")]) == []
