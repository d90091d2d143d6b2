"""The reference: unchanged images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.plugins.base import Batch, Config, Context, Info, Method

if TYPE_CHECKING:
    from torch import Tensor


class Clean(Method[Config]):
    """Leaves every image unchanged; an attacker's accuracy with it is the clean reference."""

    name = "clean"
    version = 1
    info = Info(title="No protection: the reference", family="control", ignores_seed=True, trains=False)
    Config = Config

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        """Return the images."""
        return batch.images
