"""Random noise, the control that every paper should beat: class-wise it is already a strong poison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from uebench.lazy import torch
from uebench.plugins.base import Added, Batch, Context, Info, Method, Radius
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``random``.

    Attributes:
        eps: L-inf bound, on the [0, 1] pixel scale.
        values: ``uniform`` in [-eps, eps], or ``signs``: -eps or eps, which has three times the energy.
        noise: ``samplewise``: each image has its own noise; ``classwise``: all images of an identity share theirs.
    """

    eps: Radius = 8 / 255
    values: Annotated[Literal["uniform", "signs"], Added()] = "uniform"
    noise: Literal["samplewise", "classwise"] = "samplewise"


class RandomNoise(Method[Config]):
    """Independent values for every pixel and channel, drawn once for each image or each identity."""

    name = "random"
    version = 1
    info = Info(title="Random noise, sample-wise or class-wise", family="control", trains=False)
    Config = Config
    earlier: ClassVar = {
        "b5787ebcbc5f1c6fe314d263ae258e75c8b8886ecee4171f0625877a2d76326a": "all values were uniform",
    }

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add each image's (or identity's) own draw, which depends on its index (or label), not on the batch."""
        owners = batch.index if self.config.noise == "samplewise" else batch.labels
        shape = batch.images.shape[1:]
        draws = [torch.rand(shape, generator=ctx.rng(self.config.noise, owner)) for owner in owners.tolist()]
        noise = torch.stack(draws).to(batch.images.device).mul(2).sub(1)
        if self.config.values == "signs":
            noise = torch.where(noise < 0, -1.0, 1.0)
        noise = noise.mul(self.config.eps)
        return (batch.images + noise).clamp(0, 1)
