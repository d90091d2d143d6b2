"""Gradients with respect to images, and the projected sign-gradient steps that most methods use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def input_gradient(loss: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the gradient of the loss with respect to the images, without computing those of weights.

    Args:
        loss: Maps images to a scalar.
        images: (B, 3, H, W) float.
    """
    point = images.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(point), point)
    return gradient


def sign_steps(
    loss: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    radius: float,
    step: float,
    steps: int,
    ascend: bool,
    start: Tensor | None = None,
    clamp: bool = True,
) -> Tensor:
    """Take projected sign-gradient steps (PGD, Madry et al. 2018) within an L-inf ball.

    Args:
        loss: Maps images (B, 3, H, W) to a scalar.
        images: The ball's centre, (B, 3, H, W) float in [0, 1].
        radius: The ball's radius on the [0, 1] pixel scale.
        step: The size of one step.
        steps: The number of steps.
        ascend: Whether to maximise the loss (adversarial examples) or to minimise it (error-minimising noise).
        start: The initial perturbation, (B, 3, H, W); zero by default.
        clamp: Whether to keep the images in [0, 1] as well.

    Returns:
        The perturbation (B, 3, H, W), detached.
    """
    delta = torch.zeros_like(images) if start is None else start.detach().clone()
    signed = step if ascend else -step
    for _ in range(steps):
        gradient = input_gradient(loss, images + delta)
        delta = (delta + signed * gradient.sign()).clamp(-radius, radius)
        if clamp:
            delta = (images + delta).clamp(0, 1) - images
    return delta
