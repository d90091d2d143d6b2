from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from uebench.errors import DataError
from uebench.pretrained.face_embeddings import EmbeddingOptions

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)


def write(file: Path, seed: int) -> None:
    torch.manual_seed(seed)
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), file)


def test_a_checkpoint_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    file, other = tmp_path / "model.safetensors", tmp_path / "other.safetensors"
    write(file, 0)
    write(other, 1)
    options = EmbeddingOptions(embedding=f"test_resnet:{file}")
    before = options.embed(IMAGES)
    assert np.array_equal(options.embed(IMAGES), before)
    other.replace(file)
    after = options.embed(IMAGES)
    assert not np.allclose(after, before, atol=1e-3)
    write(other, 1)
    assert np.array_equal(after, EmbeddingOptions(embedding=f"test_resnet:{other}").embed(IMAGES))


def test_a_checkpoint_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.safetensors: cannot be read"):
        EmbeddingOptions(embedding=f"test_resnet:{tmp_path / 'gone.safetensors'}").embed(IMAGES)
