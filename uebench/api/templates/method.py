"""template: say here what the method does, and name the paper if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from pydantic import Field

from uebench.lazy import torch  # loaded at its first use, so that planning stays fast
from uebench.plugins.base import Batch, Config, Context, ImageSet, Info, Method, Radius

if TYPE_CHECKING:
    from torch import Tensor


class TemplateConfig(Config):
    """Options of ``template``; users write ``template(eps=4/255)``. They are part of the key of a result.

    Attributes:
        eps: L-inf bound on the [0, 1] pixel scale. The referee refuses images that leave it.
        patch: Height and width in pixels of the squares of one colour.
    """

    eps: Radius = 8 / 255
    patch: int = Field(8, ge=1)


class Template(Method[TemplateConfig]):
    """Adds a pattern of coloured squares, one pattern for each identity."""

    name = "template"
    version = 1  # raise it whenever outputs change
    info = Info(title="Coloured squares, a pattern for each identity", family="mine", trains=False)
    Config = TemplateConfig
    # Options by preset, for users who write template(preset=coarse), and a sentence on each:
    # presets = {"coarse": {"patch": 16}}
    # why = {"coarse": "Larger squares survive JPEG better."}

    _patterns: Tensor  # (K, 3, S, S) in [-1, 1]

    def fit(self, train: ImageSet, ctx: Context) -> None:
        """Learn from the clean training set; delete this, ``state`` and ``load`` if there is nothing to learn."""
        # Draw all random numbers from ctx.rng("a name of your own"), so that the seed decides them. A long training
        # calls ctx.restore() at the start and ctx.save(tensors, epoch) after each epoch, so that a killed run resumes.
        rows = -(-train.size // self.config.patch)
        squares = torch.rand(train.num_classes, 3, rows, rows, generator=ctx.rng("squares")) * 2 - 1
        large = squares.repeat_interleave(self.config.patch, 2).repeat_interleave(self.config.patch, 3)
        self._patterns = large[:, :, : train.size, : train.size].to(ctx.device)

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the protected images (B, 3, S, S) in [0, 1], within the budget."""
        # batch.images is (B, 3, S, S) float32 in [0, 1], batch.labels (B,) the identity on each image, and batch.index
        # (B,) its position in the training set.
        delta = self.config.eps * self._patterns[batch.labels]
        return (batch.images + delta).clamp(0, 1)

    def state(self) -> dict[str, Tensor]:
        """Return what ``fit`` learned, as tensors; with an option ``weights``, ``uebench fit`` can save it."""
        return {"patterns": self._patterns}

    def load(self, state: Mapping[str, Tensor]) -> Self:
        """Load what an earlier ``fit`` learned."""
        self._patterns = state["patterns"]
        return self
