"""Networks: classifiers that take images in [0, 1], and perturbation generators."""

from uebench.nn.classifier import FaceClassifier, classifier, trainable
from uebench.nn.generator import SegueGenerator, binary_code

__all__ = ["FaceClassifier", "SegueGenerator", "binary_code", "classifier", "trainable"]
