from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from uebench import networks
from uebench.errors import DataError
from uebench.plugins.base import Stem
from uebench.pretrained import weights
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


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_a_kept_network_embeds_images_as_it_saw_them(stem: Stem, tmp_path: Path) -> None:
    network, file = networks.classifier("resnet18", 7, 32, stem=stem, inputs="raw").eval(), tmp_path / "m.safetensors"
    model = {"mean": [0.0] * 3, "std": [1.0] * 3, "input_size": 32, "stem": stem}
    weights.save(file, network.network.state_dict(), {"model": model})
    network.network.set_submodule("fc", torch.nn.Identity())
    with torch.inference_mode():
        features = network(torch.tensor(IMAGES) / 255)
    expected = torch.nn.functional.normalize(features).numpy()
    assert np.allclose(EmbeddingOptions(embedding=f"resnet18:{file}").embed(IMAGES), expected, atol=1e-6)


def test_a_checkpoint_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.safetensors: cannot be read"):
        EmbeddingOptions(embedding=f"test_resnet:{tmp_path / 'gone.safetensors'}").embed(IMAGES)
