"""The synthetic data sets with which plugins are checked."""

from __future__ import annotations

import numpy as np

from uebench.data.dataset import Dataset, of_arrays
from uebench.data.sources import Synthetic, SyntheticConfig
from uebench.plugins.base import Split


def people(size: int, train: int = 6, test: int = 4, identities: int = 3) -> Dataset:
    """Return synthetic photographs.

    Args:
        size: Height and width in pixels.
        train: Training images per identity.
        test: Test images per identity.
        identities: Number of identities.
    """
    source = Synthetic(SyntheticConfig(identities=identities, train=train, test=test))
    return of_arrays(*source.read(size))


def shuffled(data: Dataset) -> Dataset:
    """Return the data set with renumbered identities, and with shuffled training images of which 4 are left out."""
    order = np.random.default_rng(0).permutation(len(data.train.labels))[:-4]
    train = Split(data.train.images[order], data.num_classes - 1 - data.train.labels[order])
    return of_arrays(train, Split(data.test.images, data.num_classes - 1 - data.test.labels))
