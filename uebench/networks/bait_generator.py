"""The perturbation generator of BAIT (Li et al. 2026), as in the released code."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from uebench.networks.resnet_generator import ResidualBlock

WIDTHS = (16, 32, 64, 128, 256, 512)
"""Channels after each layer of the encoder; every second layer halves the image."""


class BaitGenerator(nn.Module):
    """Image -> perturbation in (-1, 1), to be scaled to the budget.

    An encoder reduces the image to an eighth of its size, eight residual blocks follow, and a decoder mirrors the
    encoder. 40,909,648 parameters. Sizes must be multiples of 8 from 16 pixels.
    """

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        layers: list[nn.Module] = []
        for place, (given, made) in enumerate(pairwise((3, *WIDTHS))):
            conv = nn.Conv2d(given, made, 3, stride=1 + place % 2, padding=1)
            layers += [conv, nn.InstanceNorm2d(made), nn.ReLU()]
        layers += [ResidualBlock(WIDTHS[-1]) for _ in range(8)]
        for place, (given, made) in enumerate(pairwise((*WIDTHS[::-1], 3))):
            larger = 1 - place % 2
            layers.append(
                nn.ConvTranspose2d(given, made, 3, stride=1 + larger, padding=1, output_padding=larger, bias=False)
            )
            layers += [nn.InstanceNorm2d(made), nn.ReLU()] if made != 3 else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) in [0, 1] to perturbations (B, 3, S, S)."""
        return self.layers(images)  # type: ignore[no-any-return]
