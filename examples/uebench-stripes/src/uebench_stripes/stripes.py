"""Stripes: a class-wise pattern without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Batch, Config, Context, Info, Method, Radius

if TYPE_CHECKING:
    from torch import Tensor


class StripesConfig(Config):
    """Options of ``stripes``.

    Attributes:
        eps: L-inf bound on the [0, 1] pixel scale.
        width: Of a stripe, in pixels.
    """

    eps: Radius = 8 / 255
    width: int = Field(4, ge=1)


class Stripes(Method[StripesConfig]):
    """Adds stripes whose angle tells the identity, and whose phase the seed."""

    name = "stripes"
    version = 1
    info = Info(title="Stripes at an angle that tells the identity", family="example")
    Config = StripesConfig

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add the stripes."""
        start = float(torch.rand((), generator=ctx.rng("phase"))) * 2 * torch.pi
        rows = torch.arange(batch.images.shape[-1], device=batch.images.device).float()
        angle = batch.labels.float()[:, None, None]
        phase = (rows[:, None] * angle.cos() + rows * angle.sin()) / self.config.width + start
        return (batch.images + self.config.eps * phase.sin().sign()[:, None]).clamp(0, 1)
