"""The referee adds its results to the curve of an attacker, which never sees them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from uebench.data.dataset import load
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.curve import check_last, differing, with_results
from uebench.plugins.base import Trained
from uebench.plugins.registry import Registry
from uebench.store import answers

SIZES = (2, 2)
TESTED = [answers.encode([0, 0, 0, 0]), answers.encode([0, 0, 1, 0]), answers.encode([0, 1, 1, 1])]
"""The answers of three classifiers: 2, 3 and 3 are correct."""


def check(
    *numbers: object, final: tuple[int, ...] = (0, 0, 1, 0), chosen: int | None = None, first: int = 1, slack: int = 0
) -> Trained:
    """Check a curve of epochs that name these tests, and a classifier with these final answers."""
    curve = tuple({"epoch": first + row} | ({} if n is None else {"examined": n}) for row, n in enumerate(numbers))
    trained = Trained(torch.nn.Identity(), curve, stopped="", steps=1, images=4, seconds=1.0, details={}, chosen=chosen)
    done = with_results(trained, TESTED, SIZES)
    check_last(done, final, slack)
    return done


def test_the_referee_adds_its_results() -> None:
    assert [epoch["test_correct"] for epoch in check(1, 2).curve] == [2, 3]
    assert [epoch["test_answers"] for epoch in check(1, 3, final=(0, 1, 1, 1)).curve] == [TESTED[0], TESTED[2]]
    assert check(1, 2, 3, chosen=2).curve[1] == {"epoch": 2, "test_correct": 3, "test_answers": TESTED[1]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"numbers": []}, "no epoch in its curve; call"),
        ({"numbers": [None]}, "epoch 1 of its curve has no result of the referee; add what ctx.examine returns"),
        ({"numbers": [1, 1]}, "epoch 2 of its curve has not what ctx.examine returned for it"),
        ({"numbers": [2, 1]}, "epoch 2 of its curve has not what ctx.examine returned for it"),
        ({"numbers": [4]}, "has not what ctx.examine returned"),
        ({"numbers": [0]}, "has not what ctx.examine returned"),
        ({"numbers": [-1]}, "has not what ctx.examine returned"),
        ({"numbers": [True]}, "has not what ctx.examine returned"),
        ({"numbers": [TESTED[0]]}, "has not what ctx.examine returned"),
        ({"numbers": [2], "first": 2}, "number epochs from 1"),
        ({"numbers": [2], "chosen": 2}, "from 1 to 1"),
        ({"numbers": [2], "chosen": 0}, "from 1 to 1"),
        ({"numbers": [2], "final": (0, 0, 1, 1)}, "not the one that ctx.examine saw last; return that one"),
        ({"numbers": [1, 2], "chosen": 1}, "not the one that ctx.examine saw in the chosen epoch"),
        ({"numbers": [1, 3], "slack": 1}, "not the one that ctx.examine saw last"),
    ],
)
def test_a_curve_that_is_not_that_of_the_classifier_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError, match=message):
        check(*arguments.pop("numbers"), **arguments)


def test_rounding_on_other_hardware_may_change_a_few_answers() -> None:
    assert check(1, 2, final=(0, 0, 1, 1), slack=1)


def test_an_attacker_never_gets_a_result() -> None:
    dataset = load("synthetic(identities=3, train=6, test=4)", 32, Registry(), None)
    ctx = RunContext(torch.device("cpu"), 0, examine=referee.Examiner(dataset, torch.device("cpu")))
    bad, good = (lambda images, k=k: torch.eye(3)[[k] * len(images)] for k in (0, 1))
    assert [ctx.examine(one) for one in (bad, good, bad)] == [{"examined": 1}, {"examined": 2}, {"examined": 3}]
    assert ctx.examined[0] == ctx.examined[2] != ctx.examined[1]


def test_answers_by_position_in_the_batch_differ_when_shuffled() -> None:
    examiner = referee.Examiner(
        load("synthetic(identities=3, train=6, test=4)", 32, Registry(), None), torch.device("cpu")
    )

    def by_position(images: torch.Tensor) -> torch.Tensor:
        return torch.eye(3)[torch.arange(len(images)) // 4 % 3]

    first, second = (examiner.predict(by_position), examiner.predict_shuffled(by_position))
    assert differing(first.tolist(), second.tolist()) > answers.tolerance(len(first))
