"""The labels that a method sees: the true ones, clusters of face embeddings, or partly wrong ones.

This side information is an option of every method: ``segue(labels=kmeans)``, ``ue(labels=0.8)``. Attackers and the
referee always use the true labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from uebench.plugins.base import Split
from uebench.plugins.spec import Spec
from uebench.plugins.validation import validate
from uebench.pretrained.face_embeddings import EmbeddingOptions
from uebench.store.record_parts import Counts, SideInformationRecord


class SideInformation(EmbeddingOptions):
    """The origin of the labels that a method sees.

    Attributes:
        labels: ``true``; ``kmeans``: clusters of face embeddings, as many as there are identities (Segue, section 4.2);
            or the share of labels that stay true, while the others become those of other identities at random.
        embedding: The face embedding for ``kmeans``; see ``EmbeddingOptions``.
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
        """Return the options that differ from the defaults, without folders, for display."""
        return {} if self.true else {name: value for name, value in self.published().items() if value != "dlib"}

    def published(self) -> dict[str, Any]:
        """Return the options in keys and records: without folders, and without an embedding that is not used."""
        return super().published() if self.labels == "kmeans" else {"labels": self.labels}

    def assets(self) -> tuple[Path, ...]:
        """Return the files that the labels depend on; their digests enter the key."""
        return super().assets() if self.labels == "kmeans" else ()

    def obstacle(self) -> str:
        """Return the reason why these labels cannot be made here; empty if they can."""
        return super().obstacle() if self.labels == "kmeans" else ""

    def make(self, split: Split, num_classes: int, seed: int) -> tuple[NDArray[np.int64], SideInformationRecord | None]:
        """Return the labels (N,) that the method sees, 0..K-1, and their record; None for the true labels.

        Args:
            split: The images to protect with their true labels, which ``kmeans`` uses only to measure its purity.
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
        return labels, SideInformationRecord(**self.published(), purity=purity(labels, split.labels))


def split_options(spec: Spec) -> tuple[Spec, SideInformation]:
    """Split the options of a method into its own options and those of side information.

    Args:
        spec: The method as the user wrote it, such as ``segue(labels=kmeans, eps=4/255)``.

    Returns:
        The method with its own options, ``segue(eps=4/255)``; and the side information, validated.

    Raises:
        UsageError: If an option of the side information is invalid.
    """
    labels = {name: value for name, value in spec.options.items() if name in SideInformation.model_fields}
    rest: Mapping[str, Any] = {name: value for name, value in spec.options.items() if name not in labels}
    return Spec(spec.name, rest), validate(SideInformation, labels, f"method {spec.name!r}")


def cluster(points: NDArray[np.float64], num_classes: int, seed: int) -> NDArray[np.int64]:
    """Cluster points by k-means with ten starts, as the Segue authors do.

    Args:
        points: (N, D), one embedding per image.
        num_classes: The number of clusters.
        seed: Seed of the starts; scikit-learn uses 32 bits of it.

    Returns:
        The cluster (N,) of each point, 0..num_classes-1.
    """
    from sklearn.cluster import KMeans

    clusters = KMeans(n_clusters=num_classes, n_init=10, random_state=seed % 2**32).fit_predict(points)
    return np.asarray(clusters, np.int64)


def corrupt(labels: NDArray[np.int64], share: float, num_classes: int, seed: int) -> NDArray[np.int64]:
    """Make some labels wrong.

    Args:
        labels: (N,) the true labels, 0..K-1.
        share: The share of labels that stay true; each of the others becomes that of another identity, drawn uniformly.
        num_classes: K.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[round(share * len(labels)) :]
    changed = labels.copy()
    changed[wrong] = (labels[wrong] + rng.integers(1, num_classes, len(wrong))) % num_classes
    return changed


def purity(labels: NDArray[np.int64], truth: NDArray[np.int64]) -> Counts:
    """Count the images whose true identity is the most frequent one among the images with the same label.

    Args:
        labels: (N,) the labels that a method sees.
        truth: (N,) the true labels.
    """
    table = np.zeros((int(labels.max()) + 1, int(truth.max()) + 1), np.int64)
    np.add.at(table, (labels, truth), 1)
    return Counts(correct=int(table.max(1).sum()), n=len(truth))
