"""The perturbations that a method optimises, one per image or per identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 127


class Noise:
    """Perturbations in an L-inf ball, stored as int8 in steps of eps / 127: a quarter of the memory of float32.

    At 8/255 a step is a sixteenth of a grey level; the bounds themselves are exact.
    """

    def __init__(self, steps: Tensor, eps: float) -> None:
        """Create noise from its stored form.

        Args:
            steps: (R, 3, S, S) int8 in -127..127: the perturbations in units of ``eps`` / 127.
            eps: Radius of the ball on the [0, 1] pixel scale.
        """
        self.steps = steps
        self.eps = eps

    @classmethod
    def zeros(cls, rows: int, size: int, eps: float, device: torch.device) -> Noise:
        """Return ``rows`` zero perturbations for images of ``size`` pixels."""
        return cls(torch.zeros(rows, 3, size, size, dtype=torch.int8, device=device), eps)

    @classmethod
    def uniform(cls, rows: int, size: int, eps: float, device: torch.device, rng: torch.Generator) -> Noise:
        """Return noise drawn from U(-eps, eps).

        Args:
            rows: The number of perturbations, R.
            size: Height and width of the images in pixels.
            eps: Radius of the ball on the [0, 1] pixel scale.
            device: The device that holds them.
            rng: A CPU generator.
        """
        steps = torch.randint(-STEPS, STEPS + 1, (rows, 3, size, size), dtype=torch.int8, generator=rng)
        return cls(steps.to(device), eps)

    def __len__(self) -> int:
        """Return the number of perturbations, R."""
        return len(self.steps)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the perturbations (B, 3, S, S) float32 at ``rows`` (B,)."""
        return self.steps[rows].float() * (self.eps / STEPS)

    def __setitem__(self, rows: Tensor, delta: Tensor) -> None:
        """Store ``delta`` (B, 3, S, S) at ``rows`` (B,), rounded to the nearest step within the ball."""
        self.steps[rows] = self._in_steps(delta)

    def set_means(self, owners: Tensor, delta: Tensor) -> None:
        """Set the row of each owner to the mean of its perturbations; other rows keep their values.

        All rows are computed, because looking up the owners would make the host wait for a GPU.

        Args:
            owners: (B,) int64: the row that each perturbation belongs to.
            delta: (B, 3, S, S) float.
        """
        counts = torch.zeros(len(self), device=delta.device).index_add_(0, owners, torch.ones_like(delta[:, 0, 0, 0]))
        sums = torch.zeros(len(self), *delta.shape[1:], device=delta.device).index_add_(0, owners, delta)
        counts = counts.view(-1, 1, 1, 1)
        self.steps.copy_(torch.where(counts > 0, self._in_steps(sums / counts.clamp_min(1)), self.steps))

    def _in_steps(self, delta: Tensor) -> Tensor:
        return (delta * (STEPS / max(self.eps, 1e-12))).round().clamp(-STEPS, STEPS).to(torch.int8)
