"""Generators that see the image alone and map it to a perturbation of its size, in (-1, 1)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class AutoEncoder(nn.Module):
    """DeepConfuse's generator for images of 224 pixels: four strided convolutions, and four that undo them.

    346,659 parameters. Sizes must be multiples of 16.
    """

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        widths = (3, 16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        for before, after in pairwise(widths[::-1]):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
            layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)] if after > 3 else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) in [0, 1] to perturbations (B, 3, S, S)."""
        return self.layers(images)  # type: ignore[no-any-return]


class UNet(nn.Module):
    """The U-Net (Ronneberger et al. 2015) of GUE: average pooling, bilinear upsampling, a normalised output.

    Four levels, with twice as many channels at each half of the size. Sizes must be multiples of 8.
    """

    def __init__(self, width: int = 64) -> None:
        """Build the network with random weights.

        Args:
            width: Channels at full size; 64 in the authors' code, which gives 7,788,681 parameters.
        """
        super().__init__()
        down = [3, width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(_two_convolutions(*pair) for pair in pairwise(down))
        self.up = nn.ModuleList(_two_convolutions(3 * factor * width, factor * width) for factor in (4, 2, 1))
        self.last = nn.Sequential(nn.Conv2d(width, 3, 1), nn.BatchNorm2d(3), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) in [0, 1] to perturbations (B, 3, S, S)."""
        features, skipped = self.down[0](images), []
        for block in self.down[1:]:
            skipped.append(features)
            features = block(nn.functional.avg_pool2d(features, 2))
        for block in self.up:
            larger = nn.functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=True)
            features = block(torch.cat([larger, skipped.pop()], 1))
        return self.last(features)  # type: ignore[no-any-return]


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
