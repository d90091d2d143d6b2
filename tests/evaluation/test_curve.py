"""What an attacker says about its training must be what the referee handed out."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from uebench.data.dataset import load
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.curve import allowed, check_curve, differing
from uebench.plugins.base import Trained
from uebench.plugins.registry import Registry
from uebench.store import answers

SIZES = (2, 2)
ENTRY = {"epoch": 1, "loss": 1.0, "train_correct": 1, "test_correct": 3, "test_answers": answers.encode([0, 0, 1, 0])}
HANDED = {(3, answers.encode([0, 0, 1, 0]))}


def check(
    final: tuple[int, ...] = (0, 0, 1, 0), chosen: int | None = None, *, resumed: bool = False, **changed: object
) -> None:
    entry: dict[str, Any] = {name: value for name, value in (ENTRY | changed).items() if value is not None}
    trained = Trained(
        torch.nn.Identity(), curve=(entry,), stopped="", steps=1, images=4, seconds=1.0, details={}, chosen=chosen
    )
    check_curve("cheat", trained, final, SIZES, None if resumed else HANDED, 0)


@pytest.mark.parametrize("resumed", [False, True])
def test_an_honest_curve_passes_also_after_a_checkpoint(resumed: bool) -> None:
    check(resumed=resumed)
    check(chosen=1, resumed=resumed)


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test_correct": 4}, "other results than ctx.examine"),
        ({"test_correct": 2}, "other results than ctx.examine"),
        ({"test_answers": None}, "has no test_answers; add"),
        ({"epoch": 2}, "number epochs from 1"),
        ({"chosen": 2}, "from 1 to 1"),
        ({"chosen": 0}, "from 1 to 1"),
        ({"final": (0, 0, 1, 1)}, "not the one that ctx.examine saw last; return that one"),
    ],
)
def test_what_is_invented_is_refused(changed: dict[str, Any], message: str, resumed: bool) -> None:
    with pytest.raises(CellError, match=message):
        check(resumed=resumed, **changed)


def test_answers_by_position_in_the_batch_differ_when_shuffled() -> None:
    examiner = referee.Examiner(
        load("synthetic(identities=3, train=6, test=4)", 32, Registry(), None), torch.device("cpu")
    )

    def by_position(images: torch.Tensor) -> torch.Tensor:
        return torch.eye(3)[torch.arange(len(images)) // 4 % 3]

    first, second = (examiner.predict(by_position), examiner.predict_shuffled(by_position))
    assert differing(first.tolist(), second.tolist()) > allowed(len(first))
