"""The norms of budgets: the size of a perturbation, and its projection into a bound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

NormName = Literal["linf", "l2", "l0", "none"]

TOLERANCE = 1e-5
"""The floating-point error by which a perturbation may exceed its budget, or a pixel leave [0, 1]."""


class Norm(ABC):
    """A measure of the size of a perturbation."""

    rounding: ClassVar[float] = 0.0
    """The share by which rounding to grey levels may enlarge a perturbation."""

    @abstractmethod
    def size(self, delta: Tensor) -> Tensor:
        """Return the size (B,) of each perturbation.

        Args:
            delta: (B, 3, H, W) float, protected minus clean, on the [0, 1] pixel scale.
        """

    @abstractmethod
    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Return the perturbations (B, 3, H, W) nearest to ``delta`` whose size is at most ``eps``."""

    @abstractmethod
    def text(self, size: float) -> str:
        """Format a size for messages and tables."""

    def allows(self, size: float, eps: float, *, rounded: bool = False) -> bool:
        """Return whether a size is within the bound, with a tolerance for floating-point errors.

        Args:
            size: A value that ``size`` returned.
            eps: The bound.
            rounded: Whether the images were rounded to grey levels, which may enlarge the perturbation a little.
        """
        return size <= eps * (1 + (self.rounding if rounded else TOLERANCE)) + TOLERANCE


class Linf(Norm):
    """The largest absolute change of any value of the image."""

    def size(self, delta: Tensor) -> Tensor:
        """Return the largest absolute value of each perturbation."""
        return delta.flatten(1).abs().amax(1)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Clip each value."""
        return delta.clamp(-eps, eps)

    def text(self, size: float) -> str:
        """Format a size in grey levels: ``8/255``."""
        return f"{size * 255:.4g}/255"


class L2(Norm):
    """The Euclidean length over all 3 * H * W values of the image."""

    rounding = 0.05

    def size(self, delta: Tensor) -> Tensor:
        """Return the length of each perturbation."""
        length: Tensor = delta.flatten(1).double().norm(dim=1)
        return length

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Scale down the perturbations that are too long."""
        length: Tensor = delta.flatten(1).norm(dim=1).clamp_min(1e-12)
        return delta * (eps / length).clamp_max(1).view(-1, 1, 1, 1)

    def text(self, size: float) -> str:
        """Format a length: ``2.608``."""
        return f"{size:.4g}"


class L0(Norm):
    """The number of pixels that change in at least one channel."""

    def size(self, delta: Tensor) -> Tensor:
        """Return the number of pixels of each image that change by more than a floating-point error."""
        changed: Tensor = (delta.abs().amax(1) > TOLERANCE).flatten(1)
        return changed.sum(1)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Keep the ``eps`` pixels that change most."""
        strength = delta.norm(dim=1).flatten(1)
        kept = strength.topk(min(int(eps), strength.shape[1])).indices
        mask = torch.zeros_like(strength).scatter_(1, kept, 1.0)
        return delta * mask.view(len(delta), 1, *delta.shape[2:])

    def text(self, size: float) -> str:
        """Format a number of pixels: ``1 pixel``."""
        return f"{size:g} pixel" + ("" if size == 1 else "s")


class Unbounded(Norm):
    """No bound: the perturbation is reported but not limited."""

    def size(self, delta: Tensor) -> Tensor:
        """Return zeros, so that every perturbation is within every bound."""
        return torch.zeros(len(delta))

    def project(self, delta: Tensor, eps: float) -> Tensor:
        """Return ``delta`` unchanged."""
        return delta

    def text(self, size: float) -> str:
        """Return an empty text, as there is no bound."""
        return ""


NORMS: Mapping[NormName, Norm] = {"linf": Linf(), "l2": L2(), "l0": L0(), "none": Unbounded()}
"""All norms, by their names in budgets and records."""


def bound(norm: NormName, eps: float) -> str:
    """Format a budget for messages and tables: ``linf 8/255``, ``l2 2.608``, ``l0 1 pixel``, ``none``."""
    return f"{norm} {NORMS[norm].text(eps)}".rstrip()
