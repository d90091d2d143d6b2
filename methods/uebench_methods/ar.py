"""AR: autoregressive perturbations, which need neither a surrogate model nor other images.

Pedro Sandoval-Segura, Vasu Singla, Jonas Geiping, Micah Goldblum, Tom Goldstein, David W. Jacobs. Autoregressive
Perturbations for Data Poisoning. NeurIPS 2022 (arXiv:2206.03693), section 3.

Other image sizes: the window stays 3x3, as in the authors' code for 96 px, and the root mean square of the perturbation
stays the same, so that its length grows with the side of the image: 1 at 32 px, 3 at 96 px, 7 at 224 px. A process is
compared with the others on patterns of 32 px and must stay bounded on patterns of the set's own size.

Deviations from the authors' code: the processes are drawn with the run's seed and not read from the authors' files; and
``bound`` is on the largest value of a pattern, as their help text says, where their code takes its Euclidean length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from uebench.errors import CellError
from uebench.lazy import torch
from uebench.plugins.base import Batch, Budget, Context, ImageSet, Info, Method, Radius
from uebench.plugins.base import Config as BaseConfig

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 32
"""Height and width of the patterns on which processes are compared, in pixels."""
CROP = 4
"""Rows and columns cut off at the top and at the left, where the pattern is still the Gaussian noise it began with."""
DRAWS = 1024
"""Processes drawn at once, of which one or two in a hundred stay bounded."""
ROUNDS = 1000
"""Such draws before the search is given up."""
TRIALS = 3
"""Patterns of a process that must stay bounded."""


class Config(BaseConfig):
    """Options of ``ar``.

    Attributes:
        eps: Root mean square of the perturbation, on the [0, 1] pixel scale; its Euclidean length is eps * sqrt(3 S^2).
            The default is a length of 1 at 32 px.
        bound: Largest value of a process's unscaled pattern; processes that exceed it, or diverge, are not used.
        response: Smallest response of the other identities' filters to a process's pattern of length 1; 0 for any.
    """

    eps: Radius = 1 / math.sqrt(3 * SIZE * SIZE)
    bound: float = Field(5.0, gt=0)
    response: float = Field(3.0, ge=0)


class Ar(Method[Config]):
    """Each value is a linear combination of its neighbours above and to the left, with the identity's weights."""

    name = "ar"
    version = 1
    info = Info(
        title="Autoregressive Perturbations for Data Poisoning",
        venue="NeurIPS",
        year=2022,
        url="https://arxiv.org/abs/2206.03693",
        family="training-free",
        trains=False,
    )
    Config = Config
    presets: ClassVar = {"official": {}, "desk": {}, "desk64": {}, "smoke": {}}
    why: ClassVar = {
        "official": "the authors' length of 1 at 32 px, and their response of 3 for 100 classes; with 10 classes they "
        "have response=10, which takes much longer to find",
        "desk": "as official; the length at 96 px is 3",
        "desk64": "as official; the length at 64 px is 2",
    }
    earlier: ClassVar = {
        "bc6a83d78be2c7e8c0a207c9b79e443dd7e8db372eebc14a9fda6e5525009f13": "patterns were made row by row",
    }

    _processes: Tensor  # (K, 3, 3, 3) float64: identity, channel, 3x3 weights; the last weight is 0

    def budget(self, size: int) -> Budget:
        """Return an L2 bound, which every perturbation reaches before it is clipped to valid pixels."""
        return Budget("l2", self.config.eps * math.sqrt(3 * size * size))

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Draw processes until there is one for each identity; the images have no influence.

        Raises:
            CellError: If too few of them stay bounded and differ.
        """
        wanted, rng = train.num_classes, ctx.rng("processes")
        kept: list[Tensor] = []
        for _ in range(ROUNDS):
            drawn = self._bounded(draw_processes(DRAWS, rng), SIZE, rng)
            for process in self._bounded(drawn, train.size, rng, TRIALS):
                if len(kept) < wanted and self._differs(process, kept, rng):
                    kept.append(process)
            ctx.progress(len(kept), wanted, "looking for processes")
            if len(kept) == wanted:
                self._processes = torch.stack(kept)
                return
        found = f"{len(kept)} of {wanted} processes found in {DRAWS * ROUNDS:,} draws"
        remedy = f"lower response={self.config.response:g} or raise bound={self.config.bound:g}"
        raise CellError(f"{self.name}: {found}; {remedy}")

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Add to each image its own pattern, which its identity's process makes from Gaussian noise, and clip."""
        size = batch.images.shape[-1]
        start = torch.stack([gaussian(1, size, ctx.rng("start", row))[0] for row in batch.index.tolist()])
        noise = pattern(self._processes[batch.labels.cpu()], start)
        noise *= self.budget(size).eps / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        return (batch.images + noise.float().to(batch.images.device)).clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return the processes (K, 3, 3, 3)."""
        return {"processes": self._processes}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load processes; they work for images of any size at which they stay bounded."""
        self._processes = state["processes"].cpu()
        return self

    def _bounded(self, processes: Tensor, size: int, rng: torch.Generator, trials: int = 1) -> Tensor:
        """Return those processes (M, 3, 3, 3) whose patterns of ``size`` pixels are finite and within the bound."""
        made = pattern(processes.repeat(trials, 1, 1, 1), gaussian(trials * len(processes), size, rng))
        inside = made.abs().flatten(1).le(self.config.bound).all(1)  # false for NaN
        return processes[inside.view(trials, len(processes)).all(0)]

    def _differs(self, process: Tensor, others: Sequence[Tensor], rng: torch.Generator) -> bool:
        """Return whether the filters of all others respond to a pattern of the process."""
        made = pattern(process[None], gaussian(1, SIZE, rng))
        if not others:
            return True
        responses = torch.nn.functional.conv2d(made / made.norm(), filters(torch.stack(list(others)))).relu()
        return bool((responses.sum((0, 2, 3)) >= self.config.response).all())


def draw_processes(count: int, rng: torch.Generator) -> Tensor:
    """Return random processes (count, 3, 3, 3) float64: weights from N(0, 1), divided by their sum in each channel."""
    weights = torch.randn(count, 3, 3, 3, generator=rng, dtype=torch.float64)
    weights[..., 2, 2] = 0
    return weights / weights.sum((2, 3), keepdim=True)


def gaussian(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Return noise (count, 3, S + CROP, S + CROP) float64 for patterns of ``size`` pixels to begin with."""
    return torch.randn(count, 3, size + CROP, size + CROP, generator=rng, dtype=torch.float64)


def filters(processes: Tensor) -> Tensor:
    """Return the filters (K, 3, 3, 3) that are 0 everywhere on a pattern of their own process."""
    found = processes.clone()
    found[..., 2, 2] = -1
    return found


def pattern(processes: Tensor, start: Tensor) -> Tensor:
    """Run processes over images, along the diagonals from the top right to the bottom left.

    Args:
        processes: (B, 3, 3, 3), one for each image.
        start: (B, 3, S + CROP, S + CROP); its first two rows and columns stay as they are.

    Returns:
        (B, 3, S, S): without the first rows and columns.
    """
    field, weights = (tensor.permute(2, 3, 0, 1).contiguous().numpy() for tensor in (start, processes))
    height, width = field.shape[:2]
    flat, step = field.reshape(height * width, *field.shape[2:]), width - 1
    with np.errstate(over="ignore", invalid="ignore"):  # some processes diverge
        for diagonal in range(4, height + width - 1):  # row + column: no value depends on another of its diagonal
            top, bottom = max(2, diagonal - step), min(height - 1, diagonal - 2)
            first, last = top * step + diagonal, bottom * step + diagonal
            terms = [
                weights[row, column] * flat[first - back : last - back + 1 : step]
                for row, column in list(np.ndindex(3, 3))[:8]
                for back in [(2 - row) * width + 2 - column]
            ]
            flat[first : last + 1 : step] = sum(terms[:6]) + (terms[6] + terms[7])
    return torch.from_numpy(field)[CROP:, CROP:].permute(2, 3, 0, 1)
