"""MoCo: each view against a queue of keys, which a slowly moving encoder made of earlier images.

Kaiming He, Haoqi Fan, Yuxin Wu, Saining Xie, Ross Girshick. Momentum Contrast for Unsupervised Visual Representation
Learning. CVPR 2020 (arXiv:1911.05722).

Deviations from the authors' code: batch normalisation is not shuffled, which needs several devices; the schedule is a
cosine, and the views are those of ``simclr``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import networks
from uebench.plugins.base import ImageSet, Info
from uebench_attackers.contrastive import PRESETS, WHY, ContrastiveAttacker, ContrastiveOptions

if TYPE_CHECKING:
    from uebench.networks import ContrastiveLearner, FaceClassifier


class Config(ContrastiveOptions):
    """Options of ``moco``; the defaults are those of the authors' example for small images (CIFAR-10).

    Attributes:
        queue: Keys of earlier images that serve as negatives; at most half as many as there are images, so that an
            image does not meet its own keys too often.
        momentum: Share of the key encoder's weights that is kept in each step.
        temperature: Divisor of the similarities.
    """

    queue: int = Field(4096, ge=1)
    momentum: float = Field(0.99, ge=0, lt=1)
    temperature: float = Field(0.1, gt=0)


class MoCoAttacker(ContrastiveAttacker[Config]):
    """Learns to tell the key of the other view of an image from those in a queue."""

    name = "moco"
    version = 2
    info = Info(
        title="Momentum Contrast for Unsupervised Visual Representation Learning",
        venue="CVPR",
        year=2020,
        url="https://arxiv.org/abs/1911.05722",
        family="label-free",
    )
    Config = Config
    presets: ClassVar = {
        **PRESETS,
        "official": {
            "optimizer": "sgd", "lr": 0.03, "weight_decay": 1e-4, "batch": 256, "epochs": 200, "probe_lr": 0.1,
            "queue": 65536, "momentum": 0.999, "temperature": 0.07,
        },
    }  # fmt: skip
    why: ClassVar = {**WHY, "official": "the authors' settings for ImageNet; the probe's rate is this project's"}

    def learner(self, encoder: FaceClassifier, width: int, train: ImageSet) -> ContrastiveLearner:
        """Return MoCo."""
        config = self.config
        queue = min(config.queue, max(1, len(train) // 2))
        return networks.MoCo(encoder, width, queue=queue, momentum=config.momentum, temperature=config.temperature)
