"""Uniform noise, the control that every paper should beat: class-wise it is already a strong poison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from uebench.lazy import torch
from uebench.plugins.base import Batch, Context, Info, Method, Radius
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``random``.

    Attributes:
        eps: L-inf bound, on the [0, 1] pixel scale.
        noise: ``samplewise``: each image has its own noise; ``classwise``: all images of an identity share theirs.
    """

    eps: Radius = 8 / 255
    noise: Literal["samplewise", "classwise"] = "samplewise"


class RandomNoise(Method[Config]):
    """U(-eps, eps) for every pixel and channel, drawn once for each image or each identity."""

    name = "random"
    version = 1
    info = Info(title="Uniform random noise, sample-wise or class-wise", family="control")
    Config = Config

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add each image's (or identity's) own draw, which depends on its index (or label), not on the batch."""
        owners = batch.index if self.config.noise == "samplewise" else batch.labels
        shape = batch.images.shape[1:]
        draws = [torch.rand(shape, generator=ctx.rng(self.config.noise, owner)) for owner in owners.tolist()]
        noise = torch.stack(draws).to(batch.images.device).mul(2).sub(1).mul(self.config.eps)
        return (batch.images + noise).clamp(0, 1)
