"""Keeps the networks that attackers train, for inspection or further training."""

from __future__ import annotations

from torch import Tensor, nn

from uebench.networks import FaceClassifier
from uebench.planning.cell import CellSpec
from uebench.plugins.base import Trained
from uebench.store.model import Model
from uebench.store.store import Store


def keep(store: Store, cell: CellSpec, trained: Trained) -> None:
    """Write the weights of an attacker's network to the store. For a timm model, they are timm's state dict.

    Nothing is written for an attacker without a network, such as nearest neighbours.

    Args:
        store: The store; no key depends on its models.
        cell: The cell whose attacker trained the network.
        trained: The result of the attacker's ``fit``.

    Raises:
        StoreError: If the weights cannot be written.
    """
    network, normalisation = trained.classifier, {}
    if isinstance(network, FaceClassifier):
        normalisation = {"mean": network.mean.flatten().tolist(), "std": network.std.flatten().tolist()}
        network = network.network
    if not isinstance(network, nn.Module):
        return
    meta = {
        "attacker": [part.published() for part in cell.chain],
        "model": {**trained.details, **normalisation},
        "num_classes": cell.data.num_classes,
        "seed": cell.seed,
    }
    tensors = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    store.models.write(Model.of(cell.key, tensors, meta))
