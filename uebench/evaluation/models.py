"""Keeps the networks that attackers train, for whoever wants to look at them or to train them further."""

from __future__ import annotations

import safetensors.torch
from torch import Tensor, nn

from uebench.networks import FaceClassifier
from uebench.planning.cell import CellSpec
from uebench.plugins.base import Trained
from uebench.pretrained import weights
from uebench.store import model
from uebench.store.store import Store


def keep(store: Store, cell: CellSpec, trained: Trained) -> None:
    """Write the weights of an attacker's network, as a state dict of the model of timm where it is one.

    An attacker that trains no network, such as nearest neighbours, leaves nothing to keep.

    Args:
        store: Where they go; no key depends on them.
        cell: Whose they are.
        trained: What the attacker returned.

    Raises:
        StoreError: If they cannot be written.
    """
    network, normalisation = trained.classifier, {}
    if isinstance(network, FaceClassifier):
        normalisation = {"mean": network.mean.flatten().tolist(), "std": network.std.flatten().tolist()}
        network = network.network
    if not isinstance(network, nn.Module):
        return
    meta = {
        "key": cell.key,
        "attacker": [part.published() for part in cell.chain],
        "model": {**trained.details, **normalisation},
        "num_classes": cell.data.num_classes,
        "seed": cell.seed,
    }
    tensors = {
        name: one.cpu().contiguous().clone() for name, one in network.state_dict().items() if isinstance(one, Tensor)
    }
    seal = model.digest(safetensors.torch.save(tensors))
    weights.save(store.model_path(cell.key), tensors, {**meta, "digest": seal})
