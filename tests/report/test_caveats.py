"""What stands beside numbers that do not mean what a reader may think."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.records import PEOPLE, as_asked, made_up
from uebench.plugins import presets
from uebench.report.caveats import caveats
from uebench.report.html import document
from uebench.report.record_text import lines
from uebench.report.text import percent
from uebench.store.record import Record
from uebench.store.record_parts import TrainingRecord
from uebench.store.store import Store

SMOKE = presets.get("smoke").caveat
ENLARGED = "inception_v3: images enlarged from 64 to 75 px, which washes out part of a perturbation"
STEM = "resnet18: the ImageNet stem (7x7, stride 2, pooling) at 96 px saves time. Up to 112 px"


def trained(attacker: str, size: int, input_size: int = 0, preset: str = "desk", **options: Any) -> Record:  # noqa: ANN401
    model = {"stem": options.get("stem", "imagenet"), "input_size": input_size or size}
    model["upsampled_from"] = size if input_size > size else None
    training = TrainingRecord(epochs=2, steps=2, stopped="epochs", model=model)
    return made_up("lsp", [(attacker, options)], training=training, preset=preset)


@pytest.mark.parametrize(
    ("record", "begins"),
    [
        (trained("inception_v3", 64, 75), [ENLARGED]),
        (trained("inception_v3", 96), []),
        (trained("resnet18", 96, stem="imagenet"), [STEM]),
        (trained("resnet18", 96, stem="small"), []),
        (trained("resnet18", 224, stem="imagenet"), []),
        (trained("knn", 96, preset="smoke"), [SMOKE]),
    ],
)
def test_a_caveat_follows_from_the_record(record: Record, begins: list[str]) -> None:
    found = caveats([record, record])
    assert len(found) == len(begins)
    assert all(text.startswith(beginning) for text, beginning in zip(found, begins, strict=True))


def test_attackers_of_one_size_share_a_sentence() -> None:
    (text,) = caveats([trained(name, 64, stem="imagenet") for name in ("resnet50", "resnet18")])
    assert text.startswith("resnet18, resnet50: the ImageNet stem")


def test_tables_and_the_page_say_what_their_records_ask_for(uebench: Command, tmp_path: Path) -> None:
    store, model = Store(tmp_path / "results"), {"stem": "imagenet", "input_size": 75, "upsampled_from": 64}
    training = TrainingRecord(epochs=2, steps=2, stopped="epochs", model=model)
    record = as_asked("lsp", "inception_v3", data=PEOPLE, training=training)
    store.cells.write(record)
    for command in (("5",), ("claims",), ("1",)):
        assert f"\n{ENLARGED}\n" in uebench("table", *command).out
    assert ENLARGED not in uebench("table", "3").out
    assert ENLARGED in document.render([record], store)


@pytest.mark.usefixtures("small_networks")
def test_a_result_of_smoke_says_that_nothing_follows_from_it(
    tiny_run: Command, uebench: Command, tmp_path: Path
) -> None:
    answer = tiny_run("--method", "lsp", "--attacker", "resnet18(epochs=1)")
    assert answer.err.splitlines()[-1] == f"uebench: {SMOKE}"
    assert tiny_run("--method", "lsp", "--attacker", "resnet18(epochs=1)").err.splitlines()[-1].endswith(SMOKE)
    assert f"\n{SMOKE}\n" in uebench("table", "7", "--preset", "smoke").out
    assert f"\n{SMOKE}\n" not in uebench("table", "7", "--preset", "desk").out
    assert SMOKE in document.render([trained("knn", 96, preset="smoke")], Store(tmp_path))


def test_a_method_with_another_kind_of_budget_is_named_beside_the_others() -> None:
    ue = as_asked("ue", "resnet18")
    lsp = as_asked("lsp", "resnet18").model_copy(update={"audit": ue.audit.model_copy(update={"norm": "l2"})})
    said = (
        "lsp: bounded in L2, not at each pixel: a pixel may change by more than with the others, a whole image by less"
    )
    assert [text for text in caveats([ue, lsp]) if "L2" in text] == [said]
    assert not [text for text in caveats([lsp]) if "L2" in text]
    free = as_asked("cuda", "resnet18").model_copy(update={"audit": ue.audit.model_copy(update={"norm": "none"})})
    said = "cuda: bounded by nothing; the photographs may change more visibly than with the others"
    assert said in caveats([ue, lsp, free])


def test_a_method_that_changed_no_photograph_is_named_unless_it_is_the_reference() -> None:
    idle = made_up("ue").audit.model_copy(update={"changed": 0, "max_levels": 0})
    records = [made_up(name).model_copy(update={"audit": idle}) for name in ("ue", "clean")]
    (found,) = [text for text in caveats([*records, made_up("ue", seed=1), made_up("lsp")]) if "no photograph" in text]
    assert found.startswith("ue on people, preset desk64: 1 of 2 runs used a set in which no photograph is changed")


def test_several_images_of_each_photograph_are_told() -> None:
    record = as_asked("lsp", "resnet18")
    data = record.data.model_copy(update={"name": "orl_varied10", "options": {"test_copies": 7}, "test_images": 210})
    said = "orl_varied10: 210 test images are made of 30 photographs; intervals and tests count the photographs"
    assert said in caveats([record.model_copy(update={"data": data})])


def test_the_interval_under_attack_counts_photographs_as_that_of_the_clean_accuracy_does() -> None:
    robust = {"rho": 4 / 255, "steps": 20, "counts": {"correct": 50, "n": 200}}
    record = made_up(correct=50, robust=robust)
    data = record.data.model_copy(update={"options": {"test_copies": 4}})
    shown = lines(record.model_copy(update={"data": data}))
    assert shown["PGD-20 acc. %"].startswith(shown["clean test acc. %"].partition(",")[0])
    assert percent(record.counts) in lines(record)["PGD-20 acc. %"]
    assert percent(record.counts) not in shown["PGD-20 acc. %"]


def test_a_set_that_was_made_twice_with_other_noise_is_named() -> None:
    first, again = made_up("ue"), made_up("ue", seed=1)
    assert not caveats([first, again])
    other = again.model_copy(update={"audit": again.audit.model_copy(update={"l2_mean": again.audit.l2_mean + 0.01})})
    assert caveats([first, other]) == [
        "the protected set was made more than once, with other noise each time: ue (method seed 0)"
    ]


def test_an_attacker_that_did_not_learn_its_own_photographs_is_named() -> None:
    learned = made_up("lsp")
    few = [learned.curve[-1].model_copy(update={"train_correct": 649})]  # of 1,300
    failed, smoke = (learned.model_copy(update={"preset": name, "curve": few}) for name in ("desk", "smoke"))
    assert not any("less than half" in line for line in caveats([learned, smoke]))
    (said,) = [line for line in caveats([learned, failed]) if "less than half" in line]
    assert said.startswith("resnet18(epochs=2) after lsp: recognises less than half of the photographs")
