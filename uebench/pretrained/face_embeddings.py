"""Face embeddings: dlib's network from the extra ``faces``, or any timm model with a checkpoint."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from uebench.hashing import cached_file_digest
from uebench.lazy import networks, torch
from uebench.plugins.base import Config
from uebench.plugins.options import at_home
from uebench.plugins.timm_names import check_model

if TYPE_CHECKING:
    from torch import Tensor

DLIB_FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")
CHIP = 150
"""Height and width of the aligned faces that dlib's network takes, in pixels."""

Embedder = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Images (N, 3, H, W) -> embeddings (N, D)."""


class EmbeddingOptions(Config):
    """Options of everything that uses face embeddings.

    Attributes:
        embedding: ``dlib`` (the extra ``faces``), or ``MODEL:FILE``, a timm model and its checkpoint. A network that
            ``--keep-models`` kept sees images as it did in its training.
    """

    embedding: str = "dlib"

    @field_validator("embedding")
    @classmethod
    def _dlib_or_model_and_file(cls, value: str) -> str:
        model, _, file = value.partition(":")
        if value != "dlib" and not file:
            raise ValueError("is unknown; write embedding=dlib or embedding='MODEL:FILE'")
        return value if value == "dlib" else f"{check_model(model)}:{at_home(Path(file))}"

    @property
    def checkpoint(self) -> Path | None:
        """Return the file with the weights of the embedding, if the user named one."""
        return Path(self.embedding.partition(":")[2]) if ":" in self.embedding else None

    def published(self) -> dict[str, Any]:
        """Return the options as keys and records hold them; of the checkpoint, only the file's name."""
        model, _, file = self.embedding.partition(":")
        return super().published() | {"embedding": f"{model}:{Path(file).name}" if file else model}

    def assets(self) -> tuple[Path, ...]:
        """Return the files that embeddings depend on; their digests enter the key."""
        if self.obstacle():
            return ()
        return (self.checkpoint,) if self.checkpoint else dlib_files()

    def obstacle(self) -> str:
        """Return why embeddings cannot be computed here; empty if they can."""
        if self.checkpoint:
            return "" if self.checkpoint.is_file() else f"embedding {self.embedding!r}: no such file"
        if importlib.util.find_spec("dlib") and dlib_files():
            return ""
        return "no face embeddings here: pip install 'uebench[faces]', or name embedding='MODEL:FILE'"

    def embed(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return L2-normalised face embeddings (N, D) of images (N, 3, H, W)."""
        model = self.embedding.partition(":")[0]
        file = self.checkpoint
        rows = (_with_timm(model, file, cached_file_digest(file)) if file else _with_dlib())(images)
        unit: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return unit


def dlib_files() -> tuple[Path, ...]:
    """Return the weights of dlib's landmark and recognition networks; empty without face-recognition-models."""
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec else None
    files = tuple(Path(folders[0]) / "models" / name for name in DLIB_FILES) if folders else ()
    return files if all(file.is_file() for file in files) else ()


@lru_cache(maxsize=1)
def _with_dlib() -> Embedder:
    """Return an embedder for dlib's 128-d face descriptors; it takes each image to be one cropped face."""
    import dlib
    from PIL import Image

    predictor, network = dlib_files()
    landmarks, describe = dlib.shape_predictor(str(predictor)), dlib.face_recognition_model_v1(str(network))

    def embed(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        rows = []
        for image in images:
            large = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).resize((CHIP, CHIP), Image.Resampling.BICUBIC))
            face = landmarks(large, dlib.rectangle(0, 0, CHIP - 1, CHIP - 1))
            rows.append(describe.compute_face_descriptor(dlib.get_face_chip(large, face)))
        return np.array(rows, np.float64)

    return embed


@lru_cache(maxsize=1)
def _with_timm(model: str, file: Path, _: str) -> Embedder:
    """Return an embedder for the features before the classifier of a timm model with the given checkpoint."""
    kept = networks.kept_settings(file)
    features = networks.pretrained(model, 0, kept.input_size, file).eval() if kept else _as_timm_has_it(model, file)

    def embed(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch.inference_mode():
            parts: list[Tensor] = [features(batch.float() / 255) for batch in torch.split(torch.tensor(images), 64)]
        return torch.cat(parts).double().numpy()

    return embed


def _as_timm_has_it(model: str, file: Path) -> Callable[[Tensor], Tensor]:
    """Return the network with timm's default size and normalisation of images for the model."""
    import timm

    network = timm.create_model(model, num_classes=0).eval()
    networks.adopt(network, networks.read_checkpoint(file), str(file))
    settings = timm.data.resolve_model_data_config(network)  # type: ignore[attr-defined,no-untyped-call]
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))

    def features(images: Tensor) -> Tensor:
        sized = torch.nn.functional.interpolate(images, settings["input_size"][1:], mode="bicubic")
        found: Tensor = network((sized - mean) / std)
        return found

    return features
