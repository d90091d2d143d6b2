"""SimCLR: the two views of an image against those of all others in the batch.

Ting Chen, Simon Kornblith, Mohammad Norouzi, Geoffrey Hinton. A Simple Framework for Contrastive Learning of Visual
Representations. ICML 2020 (arXiv:2002.05709).

Deviations from the authors' code: the projector has no batch normalisation, the optimiser is not LARS, its rate has no
warm-up, and the views are those of ``uebench.ops.contrastive_view``: the changes of colour come in one fixed order, and
a crop that would be wider or higher than the image ends at its edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from uebench.lazy import networks
from uebench.plugins.base import ImageSet, Info
from uebench_attackers.contrastive import ContrastiveAttacker, ContrastiveOptions

if TYPE_CHECKING:
    from uebench.networks import ContrastiveLearner, FaceClassifier


class SimClrAttacker(ContrastiveAttacker[ContrastiveOptions]):
    """Learns which two views show the same image; all others of the batch are negatives."""

    name = "simclr"
    version = 2
    info = Info(
        title="A Simple Framework for Contrastive Learning of Visual Representations",
        venue="ICML",
        year=2020,
        url="https://arxiv.org/abs/2002.05709",
        family="label-free",
    )
    Config = ContrastiveOptions
    earlier: ClassVar = {
        "13dbd23b0a1f0d6eafec0d67104d6a71ebc0de62b805a88f859fd4d8c17715a6": "the digest left out imported modules",
    }

    def learner(self, encoder: FaceClassifier, width: int, train: ImageSet) -> ContrastiveLearner:
        """Return SimCLR."""
        return networks.SimClr(encoder, width)
