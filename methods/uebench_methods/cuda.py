"""CUDA: a different blur for each identity.

Vinu Sankar Sadasivan, Mahdi Soltanolkotabi, Soheil Feizi. CUDA: Convolution-based Unlearnable Datasets. CVPR 2023
(arXiv:2303.04278), section 3.

The method has no budget: it filters the whole image and exceeds every usual L-p bound, such as 8/255. Its change is
reported but not bounded, and its numbers are not comparable with those of bounded methods at equal visibility.

Deviation from the authors' code: images are rounded to the nearest grey level rather than truncated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Batch, Budget, Context, Info, Method
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``cuda``.

    Attributes:
        blur: Upper bound of the kernel's weights, which are uniform (the authors' p_b); larger values blur more.
        radius: Pixels of the kernel on each side of its centre; 1 gives a 3x3 kernel.
    """

    blur: float = Field(0.3, gt=0, le=1)
    radius: int = Field(1, ge=1)


class Cuda(Method[Config]):
    """Convolves all images of an identity with one random kernel, the same for all channels."""

    name = "cuda"
    version = 1
    info = Info(
        title="CUDA: Convolution-based Unlearnable Datasets",
        venue="CVPR",
        year=2023,
        url="https://arxiv.org/abs/2303.04278",
        family="training-free",
        trains=False,
    )
    Config = Config
    presets: ClassVar = {"official": {}, "desk": {}, "desk64": {}, "smoke": {}}
    why: ClassVar = {
        "official": "the authors' CIFAR-10 command",
        "desk": "as official: the same 3x3 kernels, which at 96 px blur less of a face than at 32 px",
        "desk64": "as official, at 64 px",
    }

    def budget(self, size: int) -> Budget:
        """Return a budget without a bound."""
        return Budget("none", 0)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Filter each image with its identity's kernel, zero-padded, and divide it by its largest value."""
        count, _, height, width = batch.images.shape
        kernels = torch.stack([self.kernel(ctx.rng("kernel", label)) for label in batch.labels.tolist()])
        weight = kernels.to(batch.images.device).repeat_interleave(3, 0).unsqueeze(1)  # (3 B, 1, side, side)
        channels = batch.images.reshape(1, 3 * count, height, width)
        blurred = torch.nn.functional.conv2d(channels, weight, padding=self.config.radius, groups=3 * count)
        blurred = blurred.view_as(batch.images)
        return blurred / blurred.amax((1, 2, 3), keepdim=True).clamp_min(1e-6)  # a black image stays black

    def kernel(self, rng: torch.Generator) -> Tensor:
        """Return a square kernel: weights from U(0, blur), and 1 at one random place."""
        side = 2 * self.config.radius + 1
        weights = torch.rand(side * side, generator=rng) * self.config.blur
        weights[torch.randint(side * side, (), generator=rng)] = 1
        return weights.view(side, side)
