"""LSP: linearly separable synthetic perturbations.

Da Yu, Huishuai Zhang, Wei Chen, Jian Yin, Tie-Yan Liu. Availability Attacks Create Shortcuts. KDD 2022, section 4.

Deviations from the authors' code: the random state is the run's own seed rather than NumPy's global one, and the sum is
rounded to the nearest grey level rather than truncated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from uebench.lazy import torch
from uebench.plugins.base import Batch, Budget, Context, ImageSet, Info, Method, Radius, Shape
from uebench.plugins.base import Config as BaseConfig
from uebench.plugins.presets import of_baseline, why_of_baseline

if TYPE_CHECKING:
    from torch import Tensor

SLACK = 8e-6
"""Largest relative error of a length, less than the referee allows. The error of a float32 sum over an image is smaller
at 64 pixels and larger at 224."""


class Config(BaseConfig):
    """Options of ``lsp``.

    Attributes:
        eps: Root mean square of the perturbation, on the [0, 1] pixel scale (the authors' ``--eps 6``). Every sample's
            Euclidean length is exactly eps * sqrt(3 S^2); single pixels may exceed eps.
        patch: Height and width of the squares of one colour, in pixels.
        class_sep: Distance of the class centres in ``make_classification``.
    """

    eps: Radius = 6 / 255
    patch: int = Field(8, ge=1)
    class_sep: float = Field(10.0, gt=0)


class Lsp(Method[Config]):
    """Gaussian clusters at the corners of a hypercube, one for each identity, drawn as coloured patches."""

    name = "lsp"
    version = 1
    info = Info(
        title="Availability Attacks Create Shortcuts",
        venue="KDD",
        year=2022,
        url="https://doi.org/10.1145/3534678.3539241",
        family="training-free",
        trains=False,
    )
    Config = Config
    presets: ClassVar = of_baseline({}, {"patch": 56}, desk={"patch": 12}, desk64={"patch": 16})
    why: ClassVar = why_of_baseline(
        official="the authors' CIFAR-10 command: 4 x 4 patches at 32 px",
        segue_paper="the best patch of Table 3: 4 x 4 patches at 224 px. The Segue paper does not say eps; its PSNR of "
        "31.5 dB would need 6.8/255, and 6/255 gives 32.6 dB",
        desk="8 x 8 patches at 96 px: the best of three trials on held-out photographs; see docs/evidence.md",
        desk64="4 x 4 patches at 64 px",
    )

    _noise: Tensor

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse patches with too few colour values to give each identity a corner of the hypercube."""
        values = 3 * math.ceil(shape.size / self.config.patch) ** 2
        if (len(shape.counts) - 1).bit_length() <= values:
            return None
        return (
            f"patch={self.config.patch}: at {shape.size} pixels its {values} colour values tell {2**values} identities "
            f"apart, and the set has {len(shape.counts)}; use a smaller patch"
        )

    def budget(self, size: int) -> Budget:
        """Return an L2 bound: the authors give none in L-inf."""
        return Budget("l2", self.config.eps * math.sqrt(3 * size * size))

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Draw one perturbation for each image from its identity's cluster."""
        from sklearn.datasets import make_classification

        size, patch = train.size, self.config.patch
        cells = math.ceil(size / patch)
        counts = torch.bincount(train.labels.cpu(), minlength=train.num_classes)
        features, classes = make_classification(
            n_samples=train.num_classes * int(counts.max()),
            n_features=3 * cells * cells,
            n_informative=3 * cells * cells,
            n_redundant=0,
            n_repeated=0,
            n_classes=train.num_classes,
            n_clusters_per_class=1,
            class_sep=self.config.class_sep,
            flip_y=0,
            shuffle=False,
            random_state=int(torch.randint(2**31, (), generator=ctx.rng("clusters"))),
        )
        rows = torch.empty(len(train), dtype=torch.int64)
        for label in range(train.num_classes):
            members = (train.labels.cpu() == label).nonzero().flatten()
            rows[members] = torch.from_numpy(classes == label).nonzero().flatten()[: len(members)]
        grid = torch.from_numpy(features).float()[rows].view(-1, 3, cells, cells)
        noise = grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)[:, :, :size, :size]
        wanted = self.budget(size).eps
        noise *= wanted / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        error = noise.flatten(1).double().norm(dim=1) / wanted
        self._noise = noise / torch.where((error - 1).abs() > SLACK, error, 1.0).float().view(-1, 1, 1, 1)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add each image's perturbation and clip."""
        return (batch.images + self._noise[batch.index.cpu()].to(batch.images.device)).clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return the perturbations (N, 3, S, S)."""
        return {"noise": self._noise}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load perturbations; they fit only the set that they were drawn for."""
        self._noise = state["noise"]
        return self
