"""Downloads of the collections that need no registration, each by a library that checks a digest."""

from __future__ import annotations

from pathlib import Path


def lfw(raw: Path) -> None:
    """Let scikit-learn download and unpack the original archive of LFW into ``raw/lfw_home/lfw``."""
    from sklearn.datasets import fetch_lfw_people

    fetch_lfw_people(
        data_home=str(raw), funneled=False, min_faces_per_person=500
    )  # one person is decoded, all are kept


def cifar10(raw: Path) -> None:
    """Let torchvision download and unpack CIFAR-10 into ``raw/cifar-10-batches-py``."""
    from torchvision.datasets import CIFAR10

    CIFAR10(raw, download=True)
