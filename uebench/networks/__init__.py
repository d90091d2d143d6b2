"""Networks: classifiers that take images in [0, 1], contrastive learners, and perturbation generators."""

from uebench.networks.autoencoders import AutoEncoder, UNet
from uebench.networks.bait_generator import BaitGenerator
from uebench.networks.classifier import FaceClassifier, classifier, frozen, trainable
from uebench.networks.contrastive import Byol, ContrastiveLearner, MoCo, SimClr, SimSiam, backbone, contrastive
from uebench.networks.resnet_generator import ResNetGenerator
from uebench.networks.segue_generator import SegueGenerator, binary_code
from uebench.networks.timm_weights import adopt, kept_settings, pretrained, read_checkpoint

__all__ = [
    "AutoEncoder",
    "BaitGenerator",
    "Byol",
    "ContrastiveLearner",
    "FaceClassifier",
    "MoCo",
    "ResNetGenerator",
    "SegueGenerator",
    "SimClr",
    "SimSiam",
    "UNet",
    "adopt",
    "backbone",
    "binary_code",
    "classifier",
    "contrastive",
    "frozen",
    "kept_settings",
    "pretrained",
    "read_checkpoint",
    "trainable",
]
