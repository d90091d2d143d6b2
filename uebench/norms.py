"""The norms in which budgets are given: how large a change is, and the nearest change within a bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

NormName = Literal["linf", "l2", "l0", "none"]

TOLERANCE = 1e-5
"""How far a perturbation may leave its budget by floating-point error, on the [0, 1] pixel scale."""


class Norm(ABC):
    """A way to measure the change of an image."""

    rounding: ClassVar[float] = 0.0
    """By what share rounding to grey levels may lengthen a perturbation."""

    @abstractmethod
    def size(self, delta: Tensor) -> Tensor:
        """Return how large each change is, (B,).

        Args:
            delta: (B, 3, H, W) float, protected minus clean, on the [0, 1] pixel scale.
        """

    @abstractmethod
    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Return the changes (B, 3, H, W) nearest to ``delta`` whose size is at most ``eps``."""

    @abstractmethod
    def text(self, size: float) -> str:
        """Write a size for people."""

    def allows(self, size: float, eps: float, *, rounded: bool = False) -> bool:
        """Return whether a size is within the bound ``eps``, but for floating-point errors.

        Args:
            size: As ``size`` gives it.
            eps: The bound.
            rounded: Whether the images have been rounded to grey levels since they were projected.
        """
        return size <= eps * (1 + (self.rounding if rounded else TOLERANCE)) + TOLERANCE


class Linf(Norm):
    """The largest change of a pixel's channel."""

    def size(self, delta: Tensor) -> Tensor:
        """Return the largest absolute value of each image."""
        return delta.flatten(1).abs().amax(1)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Clip each value."""
        return delta.clamp(-eps, eps)

    def text(self, size: float) -> str:
        """Write grey levels: ``8/255``."""
        return f"{size * 255:.4g}/255"


class L2(Norm):
    """The Euclidean length over all 3 H W values of an image."""

    rounding = 0.05

    def size(self, delta: Tensor) -> Tensor:
        """Return the length of each image's change."""
        length: Tensor = delta.flatten(1).double().norm(dim=1)
        return length

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Shorten what is too long."""
        length: Tensor = delta.flatten(1).norm(dim=1).clamp_min(1e-12)
        return delta * (eps / length).clamp_max(1).view(-1, 1, 1, 1)

    def text(self, size: float) -> str:
        """Write a length: ``2.608``."""
        return f"{size:.4g}"


class L0(Norm):
    """The number of pixels that change, in whichever of their channels."""

    def size(self, delta: Tensor) -> Tensor:
        """Return how many pixels of each image change by more than a floating-point error."""
        changed: Tensor = (delta.abs().amax(1) > TOLERANCE).flatten(1)
        return changed.sum(1)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Keep the ``eps`` pixels that change most."""
        strength = delta.norm(dim=1).flatten(1)
        kept = strength.topk(min(int(eps), strength.shape[1])).indices
        mask = torch.zeros_like(strength).scatter_(1, kept, 1.0)
        return delta * mask.view(len(delta), 1, *delta.shape[2:])

    def text(self, size: float) -> str:
        """Write a number of pixels."""
        return f"{size:g} pixel" + ("" if size == 1 else "s")


class Unbounded(Norm):
    """No bound: the change is reported and not limited."""

    def size(self, delta: Tensor) -> Tensor:
        """Return zeros: every change is within every bound."""
        return torch.zeros(len(delta))

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Return ``delta``."""
        return delta

    def text(self, size: float) -> str:
        """Write nothing: there is no bound."""
        return ""


NORMS: Mapping[NormName, Norm] = {"linf": Linf(), "l2": L2(), "l0": L0(), "none": Unbounded()}
"""All norms, by the name that budgets and records give them."""


def bound(norm: NormName, eps: float) -> str:
    """Write a budget for people: ``linf 8/255``, ``l2 2.608``, ``l0 1 pixel``, ``none``."""
    return f"{norm} {NORMS[norm].text(eps)}".rstrip()
