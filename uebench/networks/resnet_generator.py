"""The ResNet generator of image translation (Johnson et al. 2016; Zhu et al. 2017): it turns an image into another."""

from __future__ import annotations

from torch import Tensor, nn


class ResNetGenerator(nn.Module):
    """Image -> image of the same size in (-1, 1).

    Two strided convolutions reduce the image to a quarter of its size, residual blocks change it there, and two
    transposed convolutions enlarge it again. All but the last convolution are followed by batch normalisation, and all
    borders of stride 1 are mirrored. 7,841,411 parameters. Sizes must be multiples of 4 from 8 pixels.
    """

    def __init__(self, channels: int = 64, blocks: int = 6) -> None:
        """Build the network with random weights.

        Args:
            channels: Of the first layer; the residual blocks have four times as many.
            blocks: How many residual blocks.
        """
        super().__init__()

        def normalised(conv: nn.Module, width: int) -> list[nn.Module]:
            return [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]

        one, two, four = channels, 2 * channels, 4 * channels
        self.layers = nn.Sequential(
            *normalised(nn.Conv2d(3, one, 7, padding=3, padding_mode="reflect", bias=False), one),
            *normalised(nn.Conv2d(one, two, 3, stride=2, padding=1, bias=False), two),
            *normalised(nn.Conv2d(two, four, 3, stride=2, padding=1, bias=False), four),
            *(ResidualBlock(four) for _ in range(blocks)),
            *normalised(nn.ConvTranspose2d(four, two, 3, stride=2, padding=1, output_padding=1, bias=False), two),
            *normalised(nn.ConvTranspose2d(two, one, 3, stride=2, padding=1, output_padding=1, bias=False), one),
            nn.Conv2d(one, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) to images (B, 3, S, S)."""
        return self.layers(images)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with mirrored borders beside a shortcut."""

    def __init__(self, channels: int) -> None:
        """Build the block with random weights, for so many channels."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, C, H, W) to features of the same shape."""
        return features + self.body(features)  # type: ignore[no-any-return]
