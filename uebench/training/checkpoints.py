"""Turn a model and its optimiser into flat tensors for checkpoints, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def pack(model: torch.nn.Module, optimizer: torch.optim.Optimizer, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a model and its optimiser under flat names, for a checkpoint.

    Args:
        model: The model, for its parameters and buffers.
        optimizer: The optimiser, for its moments and step counts.
        prefix: Prefix of all names, so that one checkpoint may hold several models.
    """
    tensors = {f"{prefix}model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{prefix}optimizer.{number}.{name}"] = value
    return tensors


def unpack(
    tensors: Mapping[str, Tensor], model: torch.nn.Module, optimizer: torch.optim.Optimizer, prefix: str = ""
) -> None:
    """Restore what ``pack`` returned. Moments get the memory layout of their parameter, as fused optimisers require.

    Args:
        tensors: The tensors of a checkpoint; names without the prefix are ignored.
        model: A model of the architecture that was packed.
        optimizer: An optimiser of the kind that was packed, for this model's parameters.
        prefix: As given to ``pack``.
    """
    head = f"{prefix}model."
    model.load_state_dict({name.removeprefix(head): t for name, t in tensors.items() if name.startswith(head)})
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    restored = optimizer.state_dict()
    head = f"{prefix}optimizer."
    for name, tensor in tensors.items():
        if name.startswith(head):
            number, slot = name.removeprefix(head).split(".", 1)
            owner = parameters[int(number)]
            laid_out = torch.empty_like(owner).copy_(tensor) if tensor.shape == owner.shape else tensor
            restored["state"].setdefault(int(number), {})[slot] = laid_out.detach()
    optimizer.load_state_dict(restored)
