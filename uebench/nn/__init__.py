"""Networks: classifiers that take images in [0, 1], contrastive learners, and perturbation generators."""

from uebench.nn.classifier import FaceClassifier, classifier, frozen, trainable
from uebench.nn.contrastive import SimClr, SimSiam, contrastive
from uebench.nn.generator import SegueGenerator, binary_code
from uebench.nn.pretrained import adopt, pretrained, read_checkpoint

__all__ = [
    "FaceClassifier",
    "SegueGenerator",
    "SimClr",
    "SimSiam",
    "adopt",
    "binary_code",
    "classifier",
    "contrastive",
    "frozen",
    "pretrained",
    "read_checkpoint",
    "trainable",
]
