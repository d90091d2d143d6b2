"""SimSiam: each view predicts the other, whose side has no gradient.

Xinlei Chen, Kaiming He. Exploring Simple Siamese Representation Learning. CVPR 2021 (arXiv:2011.10566).

Deviations from the authors' code: the predictor's learning rate falls like that of all other layers, and the views are
those of ``simclr``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from uebench.lazy import networks
from uebench.plugins.base import ImageSet, Info
from uebench_attackers.contrastive import PRESETS, WHY, ContrastiveAttacker, ContrastiveOptions

if TYPE_CHECKING:
    from uebench.networks import ContrastiveLearner, FaceClassifier


class SimSiamAttacker(ContrastiveAttacker[ContrastiveOptions]):
    """Learns to predict one view from the other, with neither negatives nor a target network."""

    name = "simsiam"
    version = 2
    info = Info(
        title="Exploring Simple Siamese Representation Learning",
        venue="CVPR",
        year=2021,
        url="https://arxiv.org/abs/2011.10566",
        family="label-free",
    )
    Config = ContrastiveOptions
    presets: ClassVar = {
        **PRESETS,
        "official": {"optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-4, "batch": 512, "epochs": 100, "probe_lr": 0.1},
    }
    why: ClassVar = {**WHY, "official": "the authors' settings for ImageNet; the probe's rate is this project's"}

    def learner(self, encoder: FaceClassifier, width: int, train: ImageSet) -> ContrastiveLearner:
        """Return SimSiam."""
        return networks.SimSiam(encoder, width)
