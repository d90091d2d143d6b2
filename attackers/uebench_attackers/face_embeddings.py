"""Attackers that train no network: they compare a face recogniser's embeddings of the published images.

They support only countermeasures on the scope and on the set: there are no batches and no steps.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Attacker, Context, Countermeasure, ImageSet, Info, Shape, Trained
from uebench.pretrained.face_embeddings import EmbeddingOptions

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T", bound=EmbeddingOptions)


class OnEmbeddings(Attacker[T]):
    """Fits a scikit-learn classifier to L2-normalised embeddings of the training images."""

    @abstractmethod
    def pipeline(self) -> Any:  # noqa: ANN401
        """Return the untrained pipeline; its last part is the classifier."""

    def assets(self, size: int) -> tuple[Path, ...]:
        """Return the weights of the embedding."""
        return self.config.assets()

    def obstacle(self, shape: Shape) -> str | None:
        """Return why embeddings cannot be computed here, or None."""
        return self.config.obstacle() or None

    def fit(self, train: ImageSet, countermeasures: tuple[Countermeasure[Any], ...], ctx: Context) -> Trained:
        """Fit the classifier; the curve has one entry, whose loss is the share of misclassified training images."""
        started = time.perf_counter()
        rows, labels = self.config.embed(train.images.cpu().numpy()), train.labels.cpu().numpy()
        fitted = self.pipeline().fit(rows, labels)
        correct = int((fitted.predict_proba(rows).argmax(1) == labels).sum())

        def classifier(images: Tensor) -> Tensor:
            levels = (images * 255).round().to(torch.uint8).cpu().numpy()
            return torch.from_numpy(fitted.predict_proba(self.config.embed(levels))).to(images.device)

        seconds = time.perf_counter() - started
        epoch = {"epoch": 1, "loss": 1 - correct / len(labels), "train_correct": correct}
        return Trained(
            classifier=classifier,
            curve=({**epoch, **ctx.examine(classifier)},),
            stopped="fitted",
            steps=int(max(getattr(fitted[-1], "n_iter_", (0,)))),
            seconds=seconds,
            images=len(labels),
            details={"embedding": self.config.published()["embedding"], "dimensions": rows.shape[1]},
        )


class ProbeOptions(EmbeddingOptions):
    """Options of ``linear_probe``.

    Attributes:
        c: Inverse weight of the L2 penalty.
    """

    c: float = Field(1.0, gt=0)


class LinearProbe(OnEmbeddings[ProbeOptions]):
    """Logistic regression on standardised face embeddings."""

    name = "linear_probe"
    version = 1
    info = Info(title="Logistic regression on face embeddings", family="pretrained", ignores_seed=True)
    Config = ProbeOptions

    def pipeline(self) -> Any:  # noqa: ANN401
        """Return standardisation and regression."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=self.config.c, max_iter=10_000))


class KnnOptions(EmbeddingOptions):
    """Options of ``knn``.

    Attributes:
        neighbours: Number of neighbours that vote; the lowest label wins a tie.
    """

    neighbours: int = Field(5, ge=1)


class Knn(OnEmbeddings[KnnOptions]):
    """A vote among the nearest training images by the cosine of their face embeddings."""

    name = "knn"
    version = 1
    info = Info(title="k nearest neighbours of face embeddings", family="pretrained", ignores_seed=True)
    Config = KnnOptions

    def obstacle(self, shape: Shape) -> str | None:
        """Also refuse more neighbours than there are images."""
        if sum(shape.counts) < self.config.neighbours:
            return f"{self.config.neighbours} neighbours, and the set has {sum(shape.counts)} images; lower neighbours"
        return super().obstacle(shape)

    def pipeline(self) -> Any:  # noqa: ANN401
        """Return the vote."""
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline

        return make_pipeline(KNeighborsClassifier(self.config.neighbours, metric="cosine"))
