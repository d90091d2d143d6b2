"""What the data owner knows of identities: true labels, clusters of face embeddings, or labels that are partly wrong.

Side information is what a method is given as ``labels``; attackers and the referee always have the true ones. It is
written as options of any method: ``segue(labels=kmeans)``, ``ue(labels=0.8)``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from uebench.api import Config, Split
from uebench.lazy import torch
from uebench.registry import validate
from uebench.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

DLIB_FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")
CHIP = 150
"""Height and width of the aligned faces that dlib's network takes, in pixels."""


class SideInformation(Config):
    """Where the labels that a method sees come from.

    Attributes:
        labels: ``true``; ``kmeans``: clusters of face embeddings, as many as there are identities (Segue, section 4.2);
            or a share below one: so many labels stay true and the others name someone else, at random.
        embedding: For ``kmeans``: ``dlib`` (the extra ``faces``), or ``MODEL:FILE``, a model of timm's and its
            checkpoint.
    """

    labels: Literal["true", "kmeans"] | float = "true"
    embedding: str = Field("dlib", pattern=r"^dlib$|^\w+:.+$")

    @field_validator("labels", mode="before")
    @classmethod
    def _word_or_share(cls, value: object) -> object:
        if value is True:
            return "true"
        if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < 1:
            raise ValueError("is not a share between 0 and 1; write labels=true, labels=kmeans or, say, labels=0.8")
        if not isinstance(value, float) and value not in ("true", "kmeans"):
            raise ValueError("is unknown; write labels=true, labels=kmeans or, say, labels=0.8")
        return value

    @property
    def true(self) -> bool:
        """Return whether these are the true labels."""
        return self.labels == "true"

    @property
    def checkpoint(self) -> Path | None:
        """Return the file with the weights of the embedding, if the user named one."""
        return Path(self.embedding.partition(":")[2]) if ":" in self.embedding else None

    def written(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, without folders, as labels of a record show them."""
        return {} if self.true else {name: value for name, value in self.published().items() if value != "dlib"}

    def published(self) -> dict[str, Any]:
        """Return what keys and records hold: no folder, and no embedding where none is made."""
        if self.labels != "kmeans":
            return {"labels": self.labels}
        model, _, file = self.embedding.partition(":")
        return {"labels": "kmeans", "embedding": f"{model}:{Path(file).name}" if file else model}

    def assets(self) -> tuple[Path, ...]:
        """Return the files that the labels depend on; their digests enter the key."""
        if self.labels != "kmeans" or self.obstacle():
            return ()
        return (self.checkpoint,) if self.checkpoint else _dlib_files()

    def obstacle(self) -> str:
        """Return why these labels cannot be made here, or nothing."""
        if self.labels != "kmeans":
            return ""
        if self.checkpoint:
            return "" if self.checkpoint.is_file() else f"embedding {self.embedding!r}: no such file"
        if importlib.util.find_spec("dlib") and _dlib_files():
            return ""
        return "labels=kmeans needs face embeddings: pip install 'uebench[faces]', or name embedding='MODEL:FILE'"

    def make(self, split: Split, num_classes: int, seed: int) -> tuple[NDArray[np.int64], dict[str, Any] | None]:
        """Return the labels (N,) that the method sees, 0..K-1, and what the record says of them.

        Args:
            split: The images to protect with their true labels, which ``kmeans`` does not look at.
            num_classes: K.
            seed: Seed of the clustering, or of the corruption.
        """
        match self.labels:
            case "true":
                return split.labels, None
            case "kmeans":
                labels = cluster(self.embed(split.images), num_classes, seed)
            case share:
                labels = corrupt(split.labels, share, num_classes, seed)
        return labels, {**self.published(), "purity": purity(labels, split.labels)}

    def embed(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return L2-normalised face embeddings (N, D) of images (N, 3, H, W)."""
        rows = _embed_timm(images, *self.embedding.split(":", 1)) if self.checkpoint else _embed_dlib(images)
        unit: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return unit


def split_off(spec: Spec) -> tuple[Spec, SideInformation]:
    """Take ``labels`` and ``embedding`` out of a method's options.

    Raises:
        UsageError: If one of them is refused.
    """
    mine = {name: value for name, value in spec.options.items() if name in SideInformation.model_fields}
    rest: Mapping[str, Any] = {name: value for name, value in spec.options.items() if name not in mine}
    return Spec(spec.name, rest), validate(SideInformation, mine, f"method {spec.name!r}")


def cluster(embeddings: NDArray[np.float64], num_classes: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster (N,) of each embedding (N, D): k-means with ten starts, as the Segue authors run it."""
    from sklearn.cluster import KMeans

    found = KMeans(n_clusters=num_classes, n_init=10, random_state=seed).fit_predict(embeddings)
    return np.asarray(found, np.int64)


def corrupt(labels: NDArray[np.int64], share: float, num_classes: int, seed: int) -> NDArray[np.int64]:
    """Return labels of which ``share`` are true and the others name another identity, drawn uniformly."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[round(share * len(labels)) :]
    changed = labels.copy()
    changed[wrong] = (labels[wrong] + rng.integers(1, num_classes, len(wrong))) % num_classes
    return changed


def purity(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, int]:
    """Count the images whose true identity is the commonest one among those that share their label.

    Returns:
        ``correct`` among ``n``.
    """
    table = np.zeros((int(labels.max()) + 1, int(truth.max()) + 1), np.int64)
    np.add.at(table, (labels, truth), 1)
    return {"correct": int(table.max(1).sum()), "n": len(truth)}


def _dlib_files() -> tuple[Path, ...]:
    """Return the weights of dlib's landmark and recognition networks that face-recognition-models carries, if there."""
    found = importlib.util.find_spec("face_recognition_models")
    folders = found.submodule_search_locations if found else None
    files = tuple(Path(folders[0]) / "models" / name for name in DLIB_FILES) if folders else ()
    return files if all(file.is_file() for file in files) else ()


def _embed_dlib(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return dlib's 128-d face descriptors; each image is taken to be one face, as the sets here are."""
    import dlib
    from PIL import Image

    predictor, network = _dlib_files()
    landmarks, describe = dlib.shape_predictor(str(predictor)), dlib.face_recognition_model_v1(str(network))
    rows = []
    for image in images:
        large = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).resize((CHIP, CHIP), Image.Resampling.BICUBIC))
        face = landmarks(large, dlib.rectangle(0, 0, CHIP - 1, CHIP - 1))
        rows.append(describe.compute_face_descriptor(dlib.get_face_chip(large, face)))
    return np.array(rows, np.float64)


def _embed_timm(images: NDArray[np.uint8], model: str, file: str) -> NDArray[np.float64]:
    """Return the features before the classifier of a timm model with the given checkpoint."""
    import timm

    network = timm.create_model(model, num_classes=0, checkpoint_path=file).eval()
    settings = timm.data.resolve_model_data_config(network)  # type: ignore[attr-defined,no-untyped-call]
    mean, std = (torch.tensor(settings[name]).view(3, 1, 1) for name in ("mean", "std"))
    parts: list[Tensor] = []
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(images), 64):
            sized = torch.nn.functional.interpolate(batch.float() / 255, settings["input_size"][1:], mode="bicubic")
            parts.append(network((sized - mean) / std))
    return torch.cat(parts).double().numpy()
