"""A model and its optimiser as flat tensors, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def pack(model: torch.nn.Module, optimizer: torch.optim.Optimizer, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a model and its optimiser under flat names, for a checkpoint.

    Args:
        model: Whose parameters and buffers to keep.
        optimizer: Whose moments and step counts to keep.
        prefix: Put before all names, so that one checkpoint may hold several models.
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
    """Put back what ``pack`` gave, each tensor in the memory layout of its parameter: fused optimisers rely on it.

    Args:
        tensors: A checkpoint's; names without the prefix are left alone.
        model: The same architecture as was packed.
        optimizer: The same kind, of this model's parameters.
        prefix: As given to ``pack``.
    """
    head = f"{prefix}model."
    model.load_state_dict({name.removeprefix(head): t for name, t in tensors.items() if name.startswith(head)})
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    whole = optimizer.state_dict()
    head = f"{prefix}optimizer."
    for name, tensor in tensors.items():
        if name.startswith(head):
            number, slot = name.removeprefix(head).split(".", 1)
            owner = parameters[int(number)]
            laid_out = torch.empty_like(owner).copy_(tensor) if tensor.shape == owner.shape else tensor
            whole["state"].setdefault(int(number), {})[slot] = laid_out.detach()
    optimizer.load_state_dict(whole)
