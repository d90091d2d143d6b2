"""Gaussian blur of the training images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from uebench.lazy import torch, transforms
from uebench.ops import map_levels
from uebench.plugins.base import Added, Countermeasure, ImageSet, Info
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor


class Config(BaseConfig):
    """Options of ``blur``.

    Attributes:
        kernel: Height and width of the kernel in pixels, odd; 1 leaves images as they are.
        sigma: Standard deviation in pixels.
        relative_to: The image size in pixels that kernel and sigma refer to. Images of another size lose the same
            detail of the face: the same share of each frequency, in cycles per image. 0: kernel and sigma are in pixels
            of the images themselves, whatever their size.
    """

    kernel: int = Field(5, ge=1)
    sigma: float = Field(1.0, gt=0)
    relative_to: Annotated[int, Added(), Field(ge=0)] = 0

    @field_validator("kernel")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"is even; write {value - 1} or {value + 1}")
        return value


SEGUE = {"kernel": 5, "sigma": 1.0, "relative_to": 224}


class Blur(Countermeasure[Config]):
    """Blurs every training image once."""

    name = "blur"
    version = 1
    info = Info(title="Gaussian blur", family="filter")
    Config = Config
    presets: ClassVar = {"segue_paper": SEGUE, "desk": {"relative_to": 224}, "desk64": {}}
    why: ClassVar = {
        "segue_paper": "5 pixels and sigma 1 of 224 pixels, as section 5.5.3 of the Segue paper has it, scaled",
        "desk": "kernel and sigma are given for 224 pixels: 5 pixels of 96 would take more of a face than 5 of 224",
        "desk64": "in pixels of the images at hand, whatever their size",
    }
    place = "set"

    def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
        """Return the blurred images, rounded to grey levels."""
        kernel, sigma = [self.config.kernel] * 2, [self.config.sigma] * 2
        if not self.config.relative_to:
            return map_levels(train.images, lambda images: transforms.gaussian_blur(images, kernel, sigma))
        return map_levels(train.images, self._scaled)

    def _scaled(self, images: Tensor) -> Tensor:
        """Filter in the frequency domain, with the edges mirrored as in the plain blur."""
        size, reach = images.shape[-1], min(2 * self.config.kernel, images.shape[-1] - 1)
        padded = torch.nn.functional.pad(images, [reach] * 4, mode="reflect")
        rows, columns = (
            self.response(frequencies(padded.shape[-1], device=images.device) * size)
            for frequencies in (torch.fft.fftfreq, torch.fft.rfftfreq)
        )
        spectrum = torch.fft.rfft2(padded) * rows[:, None] * columns
        blurred: Tensor = torch.fft.irfft2(spectrum, s=padded.shape[-2:])
        return blurred[..., reach:-reach, reach:-reach]

    def response(self, cycles: Tensor) -> Tensor:
        """Return the share left of waves with ``cycles`` (n,) per image, as on images of ``relative_to`` pixels.

        Waves too fine for images of that size are treated as the finest that these can hold.
        """
        taps = torch.arange(self.config.kernel, device=cycles.device) - self.config.kernel // 2
        weights = torch.exp(-0.5 * (taps / self.config.sigma) ** 2)
        angles = (2 * math.pi * cycles.abs() / self.config.relative_to).clamp_max(math.pi)
        return torch.cos(angles[:, None] * taps) @ (weights / weights.sum())
