"""Segue without side information, to measure what the label code is worth."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from uebench.plugins.base import Info, Shape
from uebench_methods.segue import Config, Segue


class UnguidedConfig(Config):
    """Options of ``segue_unguided``: those of ``segue``.

    Attributes:
        code_bits: Always 0: there is no code.
    """

    code_bits: int = Field(0, ge=0, le=0)


class SegueUnguided(Segue):
    """Segue whose generator sees the image alone (section 5.7, Fig. 4).

    The loss of the surrogate still uses the labels, as in Algorithm 1, so they are needed in training only.
    """

    name = "segue_unguided"
    version = 1
    info = Info(
        title="Segue without side information, an ablation",
        venue="ICASSP",
        year=2025,
        url="https://arxiv.org/abs/2310.16061",
        family="generator",
    )
    Config = UnguidedConfig

    def obstacle(self, shape: Shape) -> str | None:
        """Refuse the image sizes that Segue refuses; without a code the number of identities has no limit."""
        return super().obstacle(replace(shape, counts=(sum(shape.counts),)))
