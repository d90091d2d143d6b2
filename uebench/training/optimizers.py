"""Optimisers, learning rates and single optimiser steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uebench.lazy import torch
from uebench.plugins.base import Optimization, Training

if TYPE_CHECKING:
    from torch import Tensor


def descend(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor, *, clip: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Take one optimiser step down the cross-entropy.

    Args:
        model: The model, in train mode.
        optimizer: The model's optimiser.
        images: (B, 3, H, W) float32 in [0, 1].
        targets: Labels (B,) int64, or (B, K) rows that sum to one.
        clip: Largest norm of the gradient over all weights; 0 for no limit.

    Returns:
        The loss and the logits (B, K) before the step, detached.
    """
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, targets)
    return take_step(optimizer, loss, clip=clip), logits.detach()


def take_step(optimizer: torch.optim.Optimizer, loss: Tensor, *, clip: float = 0.0) -> Tensor:
    """Take one optimiser step down ``loss``, a scalar, and return it detached.

    Args:
        optimizer: The optimiser of the weights to change.
        loss: A scalar that depends on them.
        clip: Largest norm of the gradient over all these weights; 0 for no limit.
    """
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    if clip:
        torch.nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], clip)
    optimizer.step()
    return loss.detach()


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all weights."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def make_optimizer(model: torch.nn.Module, options: Optimization) -> torch.optim.Optimizer:
    """Return the optimiser that ``options`` name."""
    decay, lr = options.weight_decay, options.lr
    match options.optimizer:
        case "adam":
            return torch.optim.Adam(model.parameters(), lr, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(model.parameters(), lr, weight_decay=decay, fused=True)
        case "sgd":
            return torch.optim.SGD(model.parameters(), lr, momentum=0.9, weight_decay=decay, fused=True)


def learning_rate(options: Training, step: int, batches: int) -> float:
    """Return the learning rate of a step.

    Args:
        options: Initial rate, schedule and epochs.
        step: Optimiser step, from 0, over all epochs.
        batches: Optimiser steps in an epoch.
    """
    match options.schedule:
        case "constant":
            return options.lr
        case "cosine":
            return options.lr * (1 + math.cos(math.pi * step / (options.epochs * batches))) / 2
        case "oscillating":
            return oscillating(options.lr, step, options.epochs)
        case "warm_cosine":
            total = options.epochs * batches
            warm = max(1, total // 4)
            if step < warm:
                return options.lr * (step + 1) / warm
            return options.lr * (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2


def oscillating(lr: float, step: int, epochs: int) -> float:
    """Return the rate of the Segue authors' cosine, which is stepped every iteration and not every epoch.

    Args:
        lr: The rate at step 0, and again every ``2 * epochs`` steps.
        step: Optimiser step, from 0, over all epochs.
        epochs: Half its period: their ``CosineAnnealingLR(T_max=epochs)``.
    """
    return lr * (1 + math.cos(math.pi * step / epochs)) / 2
