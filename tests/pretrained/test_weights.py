"""What the header of a weights file says, and what is said about a header that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import uebench
from uebench.errors import DataError
from uebench.plugins.base import Shape
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.pretrained import weights

WHOLE: dict[str, Any] = {"method": "ue", "size": 32, "config": {"eps": 8 / 255}, "counts": [2, 3]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "noise.safetensors"


def written(file: Path, **changed: object) -> Path:
    """Write a file whose header lacks what is None."""
    header = {name: value for name, value in {**WHOLE, **changed}.items() if value is not None}
    weights.save(file, {"noise": torch.zeros(1)}, header)
    return file


def test_metadata_is_what_was_written(file: Path) -> None:
    assert weights.metadata(written(file), "ue") == WHOLE
    assert weights.metadata(written(file, by="others"), "ue") == {**WHOLE, "by": "others"}
    assert weights.load(file, "ue", 32, {"eps": 8 / 255}).keys() == {"noise"}
    assert weights.counts(file, "ue") == (2, 3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"size": None}, "size: field required"),
        ({"size": "large"}, "size: input should be a valid integer"),
        ({"config": None}, "config: field required"),
        ({"config": {}}, "config.eps: field required"),
        ({"config": [8]}, "config: input should be a valid dictionary"),
        ({"counts": "many"}, "counts: input should be a valid tuple"),
    ],
)
def test_a_header_that_cannot_be_used_is_one_line(file: Path, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError) as caught:
        weights.load(written(file, **changed), "ue", 32, {"eps": 8 / 255})
    line = str(caught.value)
    assert line.startswith(f"{file}: its header cannot be used ({reason}")
    assert line.endswith("); uebench fit ue --out FILE makes a new file")


def test_noise_that_does_not_say_for_how_many_images_it_was_made_is_one_line(file: Path) -> None:
    spec = parse(f"ue(weights='{written(file, counts=None)}')")
    method = Registry().build("method", spec, "smoke")
    with pytest.raises(DataError, match=r"its header cannot be used \(counts: field required\)"):
        method.obstacle(Shape(32, (2, 3)))


@pytest.mark.parametrize("header", [{}, {"method": "segue", "config": [1]}])
def test_a_header_of_another_kind_of_file_is_no_weights_file(file: Path, header: dict[str, Any]) -> None:
    weights.save(file, {"noise": torch.zeros(1)}, header)
    with pytest.raises(DataError, match="not a weights file; uebench fit segue --out FILE makes one"):
        weights.metadata(file, "segue")


def test_older_names_are_todays_names(file: Path) -> None:
    written(file, method="segue", config={"restart": True, "eps": 0.1})
    assert weights.metadata(file, "segue_restart")["config"] == {"eps": 0.1}


@pytest.mark.usefixtures("small_networks")
def test_fit_returns_what_the_header_says(file: Path, tmp_path: Path) -> None:
    told = uebench.fit("ue(rounds=1)", file, data="synthetic", preset="smoke", results=tmp_path / "results")
    assert told | {"counts": list(told["counts"])} == weights.metadata(file, "ue")
    assert list(told) == list(weights.Metadata.model_fields)
