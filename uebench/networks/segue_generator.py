"""The perturbation generator of Segue (Zhang et al. 2025, section 4.3 and Fig. 2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["instance", "batch"]


def binary_code(labels: Tensor, bits: int) -> Tensor:
    """Return labels as binary numbers, most significant bit first: 5 is 0...0101.

    Args:
        labels: (B,) int64 in 0..2^bits-1.
        bits: The code's length.

    Returns:
        (B, bits) float32 of zeros and ones.
    """
    places = torch.arange(bits - 1, -1, -1, device=labels.device)
    return (labels[:, None] >> places & 1).float()


class SegueGenerator(nn.Module):
    """Image and label code -> perturbation in (-1, 1), not yet clipped to the budget.

    An encoder reduces the image to a quarter of its size; the code, one constant channel per bit, is concatenated there
    (section 4.2.1); residual blocks and a decoder turn both into a perturbation. 100,752 parameters with 16 bits and
    instance normalisation. Image sizes must be multiples of 4, at least 20 pixels.
    """

    def __init__(self, bits: int = 16, norm: Norm = "instance") -> None:
        """Build the network with random weights.

        Args:
            bits: Length of the label code.
            norm: Normalisation outside the residual blocks: ``instance`` as in the released code, ``batch`` as in the
                paper's text. Instance normalisation removes the mean that a constant code channel adds, so that the
                code acts through the zero-padded border only.
        """
        super().__init__()
        self.bits = bits

        def block(conv: nn.Module, channels: int) -> list[nn.Module]:
            normalise = nn.InstanceNorm2d(channels) if norm == "instance" else nn.BatchNorm2d(channels)
            return [conv, normalise, nn.ReLU(inplace=True)]

        self.encoder = nn.Sequential(
            *block(nn.Conv2d(3, 8, 3), 8),
            *block(nn.Conv2d(8, 16, 3, stride=2), 16),
            *block(nn.Conv2d(16, 32, 3, stride=2), 32),
        )
        self.fuse = nn.Sequential(*block(nn.Conv2d(32 + bits, 32, 3, padding=1), 32))
        self.residual = nn.Sequential(*(_Residual(32) for _ in range(4)))
        self.decoder = nn.Sequential(
            *block(nn.ConvTranspose2d(32, 16, 3, stride=2, bias=False), 16),
            *block(nn.ConvTranspose2d(16, 8, 3, stride=2, bias=False), 8),
            nn.ConvTranspose2d(8, 3, 6, bias=False),
            nn.Tanh(),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Map images (B, 3, S, S) in [0, 1] and labels (B,) to perturbations (B, 3, S, S)."""
        features = self.encoder(images)
        code = binary_code(labels, self.bits)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.decoder(self.residual(self.fuse(torch.cat([features, code], 1))))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    """Two reflect-padded 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            return [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False), nn.BatchNorm2d(channels)]

        self.body = nn.Sequential(*convolution(), nn.ReLU(inplace=True), *convolution())

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)  # type: ignore[no-any-return]
