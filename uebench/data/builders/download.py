"""Downloads of collections that need no registration, by libraries that check a digest."""

from __future__ import annotations

from pathlib import Path


def lfw(raw: Path) -> None:
    """Download and unpack the original archive of LFW into ``raw/lfw_home/lfw``."""
    from sklearn.datasets import fetch_lfw_people

    # Images of one person are decoded; those of all people stay on disk
    fetch_lfw_people(data_home=str(raw), funneled=False, min_faces_per_person=500)


def cifar10(raw: Path) -> None:
    """Download and unpack CIFAR-10 into ``raw/cifar-10-batches-py``."""
    from torchvision.datasets import CIFAR10

    CIFAR10(raw, download=True)
