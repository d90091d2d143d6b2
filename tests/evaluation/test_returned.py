"""What an attacker returned is refused before it is used if it cannot be recorded, and the field is named."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from uebench.errors import CellError
from uebench.evaluation.returned import checked
from uebench.plugins.base import Trained

GOOD = Trained(
    torch.nn.Identity(), ({"epoch": 1},), stopped="epochs", steps=4, seconds=1.0, images=8,
    details={"input_size": 96, "upsampled_from": None, "stem": "imagenet"},
)  # fmt: skip


def test_what_can_be_recorded_passes_unchanged() -> None:
    assert checked(GOOD) is GOOD
    assert checked(replace(GOOD, details=MappingProxyType({"stem": "small"}), steps=0, seconds=2, images=0))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"classifier": None}, "classifier: input should be callable"),
        ({"curve": 3}, "curve: input should be an instance of Sequence"),
        ({"curve": (3,)}, "curve.0: input should be a valid dictionary"),
        ({"stopped": 3}, "stopped: input should be a valid string"),
        ({"steps": 1.5}, "steps: input should be a valid integer"),
        ({"steps": "7"}, "steps: input should be a valid integer"),
        ({"steps": -3}, "steps: input should be greater than or equal to 0"),
        ({"seconds": -1.0}, "seconds: input should be greater than or equal to 0"),
        ({"seconds": float("nan")}, "seconds: input should be a finite number"),
        ({"images": -1}, "images: input should be greater than or equal to 0"),
        ({"details": None}, "details: input should be a valid dictionary"),
        ({"details": {"parameters": np.int64(5)}}, "details: object of type int64 is not JSON serializable"),
        ({"details": {"upsampled_from": 32}}, "details: upsampled_from needs input_size"),
        ({"details": {"input_size": (3, 32, 32)}}, "details: input_size is (3, 32, 32); give a number of pixels"),
        ({"details": {"input_size": 0}}, "details: input_size is 0; give a number of pixels"),
    ],
)
def test_what_cannot_be_recorded_is_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CellError) as error:
        checked(replace(GOOD, **change))
    assert str(error.value).startswith(f"the Trained of fit cannot be recorded: {complaint}")


def test_something_else_than_a_trained_is_named() -> None:
    with pytest.raises(CellError, match="fit returned dict; return a Trained"):
        checked({"classifier": torch.nn.Identity()})
