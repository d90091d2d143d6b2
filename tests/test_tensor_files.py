"""Files of tensors: sets, models and weights keep the bytes that they have had since they were first written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from uebench.pretrained import weights
from uebench.store import blob
from uebench.store.model import Model
from uebench.store.record import ProtectedMeta
from uebench.tensor_files import body_digest, header, header_of, open_safetensors, packed, packed_arrays, write_arrays

KEY = "ab" + "0" * 62
META = {
    "protect_key": KEY,
    "audit": {
        "max_levels": 8, "l2_mean": 3.26, "l2_max": 3.35, "psnr_mean": 30.6, "changed": 1300,
        "separable": {"correct": 650, "n": 650}, "norm": "linf", "eps": 8 / 255,
    },
    "fit_seconds": 1.0,
    "protect_seconds": 2.0,
}  # fmt: skip
STATE = {
    "b.weight": torch.arange(6.0).reshape(2, 3).t(),
    "a": torch.arange(3),
    "c": torch.ones(2, dtype=torch.bfloat16),
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_protected_set_has_the_bytes_of_earlier_versions() -> None:
    delta = np.arange(-24, 24, dtype=np.int8).reshape(1, 3, 4, 4)
    content = blob.content(blob.ProtectedSet(delta, ProtectedMeta.model_validate(META)))
    assert sha256(content) == "54aac28c3b6422d74db9b617abbe99b24cef49bd40785ccb495d89a5edf795dc"


def test_weights_have_the_bytes_of_earlier_versions(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    weights.save(file, STATE, {"method": "lsp", "config": {"z": 1, "a": 2}, "b": 1, "a": "é"})
    assert sha256(file.read_bytes()) == "ff7bbbe241aea507becb2ee7a3955f676a1e9f36be570f080cb68bbca1162ca9"


def test_a_kept_model_has_the_bytes_of_earlier_versions() -> None:
    meta = {
        "attacker": [{"name": "resnet18", "version": 1}],
        "model": {"stem": "small"},
        "num_classes": 3,
        "seed": 0,
    }
    made = Model.of(KEY, {"weight": torch.full((3, 2), 0.5), "bias": torch.ones(3)}, meta)
    assert sha256(made.content) == "47e76932657defa469769f12569ce9cf144d00e453e88ea10064a671fc92706a"


def test_a_header_is_the_same_from_the_file_and_from_its_content(tmp_path: Path) -> None:
    meta = {"b": [1, 2], "a": {"c": None}}
    file = tmp_path / "file.safetensors"
    write_arrays(file, {"one": np.arange(12).reshape(3, 4).T}, meta)
    content = file.read_bytes()
    assert content == packed_arrays({"one": np.arange(12).reshape(3, 4).T}, meta)
    assert header_of(content) == meta
    with open_safetensors(file) as opened:
        assert header(opened) == meta
        assert opened.get_tensor("one").shape == (4, 3)


def test_the_digest_of_the_body_depends_on_the_tensors_alone() -> None:
    one = body_digest(packed({"a": torch.ones(2)}, {"x": 1}))
    assert body_digest(packed({"a": torch.ones(2)}, {})) == one
    assert body_digest(packed({"a": torch.zeros(2)}, {"x": 1})) != one


@pytest.mark.parametrize(
    "content", [b"", b"x" * 64, safetensors.numpy.save({}), safetensors.numpy.save({}, {"a": "1"})]
)
def test_the_header_of_others_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a file that uebench wrote"):
        header_of(content)
