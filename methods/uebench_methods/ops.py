"""OPS: the one-pixel shortcut, one pixel of one colour for each identity.

Shutong Wu, Sizhe Chen, Cihang Xie, Xiaolin Huang. One-Pixel Shortcut: On the Learning Preference of Deep Neural
Networks. ICLR 2023 (arXiv:2205.12141), section 3 and Algorithm 1.

The search is the authors' exhaustive one, but computes the scores of all pixels and colours from two sums over the
images of an identity, so that it takes less than a second per identity at 224 px.

Deviations from the authors' code: a pixel whose change is the same in all images has no spread to divide by, and is
scored by the size of its change; and of equal scores the first is taken, not the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Self

from uebench.lazy import torch
from uebench.plugins.base import Batch, Budget, Config, Context, ImageSet, Info, Method

if TYPE_CHECKING:
    from torch import Tensor

COLOURS = tuple(product((0, 1), repeat=3))
"""The corners of the colour cube: each channel is off or on."""


class Ops(Method[Config]):
    """Sets one pixel in all images of an identity to a colour from which they differ strongly and consistently."""

    name = "ops"
    version = 1
    info = Info(
        title="One-Pixel Shortcut: On the Learning Preference of Deep Neural Networks",
        venue="ICLR",
        year=2023,
        url="https://arxiv.org/abs/2205.12141",
        family="training-free",
        trains=False,
        ignores_seed=True,
    )
    Config = Config
    presets: ClassVar = {"official": {}, "desk": {}, "desk64": {}, "smoke": {}}
    why: ClassVar = {
        "official": "the authors' search, which has no settings",
        "desk": "as official: it is one pixel at every size",
        "desk64": "as official: it is one pixel at every size",
    }

    _places: Tensor  # (K, 2) row and column
    _colours: Tensor  # (K, 3)

    def budget(self, size: int) -> Budget:
        """Return one pixel, in all of its channels."""
        return Budget("l0", 1)

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Find the pixel and the colour with the best score for each identity, none twice (Algorithm 1)."""
        size = train.size
        taken: list[int] = []
        for label in range(train.num_classes):
            found = scores(train.images[train.labels == label]).flatten()
            found[taken] = 0
            taken.append(int(found.argmax()))
            ctx.progress(label + 1, train.num_classes, "looking for pixels")
        chosen = torch.tensor(taken)
        pixel = chosen % (size * size)
        self._places = torch.stack([pixel // size, pixel % size], 1)
        self._colours = torch.tensor(COLOURS).float()[chosen // (size * size)]

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Set the pixel of each image's identity to its colour."""
        images, labels = batch.images.clone(), batch.labels.cpu()
        rows, columns = self._places[labels].unbind(1)
        images[torch.arange(len(images)), :, rows, columns] = self._colours[labels].to(images.device)
        return images

    def state(self) -> dict[str, Tensor]:
        """Return the place (K, 2) and the colour (K, 3) of each identity's pixel."""
        return {"places": self._places, "colours": self._colours}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load pixels, for images of the size in which they were found."""
        self._places, self._colours = state["places"], state["colours"]
        return self


def scores(images: Tensor) -> Tensor:
    """Return for each colour and pixel the mean of |colour - image| divided by its standard deviation.

    Both are over all images and the three channels.

    Args:
        images: (N, 3, S, S) uint8, of one identity.

    Returns:
        (8, S, S) float64, in the order of ``COLOURS``.
    """
    count, colours, channels = len(images), torch.tensor(COLOURS), torch.arange(3)
    dark, dark_squares = images.sum(0, dtype=torch.int64), images.int().pow(2).sum(0, dtype=torch.int64)
    bright = 255 * count - dark  # the sum of |255 - x|, and below that of its square
    bright_squares = 255 * 255 * count - 510 * dark + dark_squares
    total = torch.stack([dark, bright])[colours, channels].sum(1)
    squares = torch.stack([dark_squares, bright_squares])[colours, channels].sum(1)
    spread = 3 * count * squares - total.pow(2)  # the variance times (3 N)^2; in integers, so that 0 is 0
    return total / spread.double().sqrt().clamp_min(1e-6)
