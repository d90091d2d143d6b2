"""What the data owner knows of identities: true labels, clusters of face embeddings, or labels that are partly wrong.

Side information is what a method is given as ``labels``; attackers and the referee always have the true ones. It is
written as options of any method: ``segue(labels=kmeans)``, ``ue(labels=0.8)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from uebench.plugins.base import Split
from uebench.plugins.registry import validate
from uebench.plugins.spec import Spec
from uebench.pretrained.face_embeddings import EmbeddingOptions


class SideInformation(EmbeddingOptions):
    """Where the labels that a method sees come from.

    Attributes:
        labels: ``true``; ``kmeans``: clusters of face embeddings, as many as there are identities (Segue, section 4.2);
            or a share below one: so many labels stay true and the others name someone else, at random.
        embedding: For ``kmeans``, as ``EmbeddingOptions`` has it.
    """

    labels: Literal["true", "kmeans"] | float = "true"

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

    def written(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, without folders, as labels of a record show them."""
        return {} if self.true else {name: value for name, value in self.published().items() if value != "dlib"}

    def published(self) -> dict[str, Any]:
        """Return what keys and records hold: no folder, and no embedding where none is made."""
        return super().published() if self.labels == "kmeans" else {"labels": self.labels}

    def assets(self) -> tuple[Path, ...]:
        """Return the files that the labels depend on; their digests enter the key."""
        return super().assets() if self.labels == "kmeans" else ()

    def obstacle(self) -> str:
        """Return why these labels cannot be made here, or nothing."""
        return super().obstacle() if self.labels == "kmeans" else ""

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


def split_options(spec: Spec) -> tuple[Spec, SideInformation]:
    """Split what a user wrote of a method into the method's own options and those of side information.

    Args:
        spec: Such as ``segue(labels=kmeans, eps=4/255)``.

    Returns:
        The method with its own options, ``segue(eps=4/255)``; and the side information, validated.

    Raises:
        UsageError: If one of them is refused.
    """
    mine = {name: value for name, value in spec.options.items() if name in SideInformation.model_fields}
    rest: Mapping[str, Any] = {name: value for name, value in spec.options.items() if name not in mine}
    return Spec(spec.name, rest), validate(SideInformation, mine, f"method {spec.name!r}")


def cluster(points: NDArray[np.float64], num_classes: int, seed: int) -> NDArray[np.int64]:
    """Cluster points by k-means with ten starts, as the Segue authors do.

    Args:
        points: (N, D), one embedding per image.
        num_classes: How many clusters.
        seed: Of the starts; scikit-learn takes 32 bits of it.

    Returns:
        The cluster (N,) of each point, 0..num_classes-1.
    """
    from sklearn.cluster import KMeans

    found = KMeans(n_clusters=num_classes, n_init=10, random_state=seed % 2**32).fit_predict(points)
    return np.asarray(found, np.int64)


def corrupt(labels: NDArray[np.int64], share: float, num_classes: int, seed: int) -> NDArray[np.int64]:
    """Make some labels wrong.

    Args:
        labels: (N,) the true ones, 0..K-1.
        share: Of all labels, this share stays true; each of the others names another identity, drawn uniformly.
        num_classes: K.
        seed: Of the draw.
    """
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
