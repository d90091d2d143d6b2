"""BYOL: each view predicts the output of a slowly moving encoder for the other.

Jean-Bastien Grill, Florian Strub, Florent Altche, Corentin Tallec, Pierre Richemond, Elena Buchatskaya, Carl Doersch,
Bernardo Avila Pires, Zhaohan Guo, Mohammad Gheshlaghi Azar, Bilal Piot, Koray Kavukcuoglu, Remi Munos, Michal Valko.
Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning. NeurIPS 2020 (arXiv:2006.07733).

Deviations from the authors' code: the optimiser is not LARS, which batches of 4096 need, and the views are those of
``simclr``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import networks
from uebench.plugins.base import ImageSet, Info
from uebench_attackers.contrastive import ContrastiveAttacker, ContrastiveOptions

if TYPE_CHECKING:
    from uebench.networks import ContrastiveLearner, FaceClassifier


class Config(ContrastiveOptions):
    """Options of ``byol``.

    Attributes:
        momentum: Share of the target's weights that is kept in the first step; it rises to 1 along a cosine.
    """

    momentum: float = Field(0.996, ge=0, lt=1)


class ByolAttacker(ContrastiveAttacker[Config]):
    """Learns to predict from one view the target network's output for the other, without negatives."""

    name = "byol"
    version = 2
    info = Info(
        title="Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning",
        venue="NeurIPS",
        year=2020,
        url="https://arxiv.org/abs/2006.07733",
        family="label-free",
    )
    Config = Config

    def learner(self, encoder: FaceClassifier, width: int, train: ImageSet) -> ContrastiveLearner:
        """Return BYOL."""
        steps = self.config.epochs * self.batches(train)
        return networks.Byol(encoder, width, steps=steps, momentum=self.config.momentum)
