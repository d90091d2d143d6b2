"""Segue without side information, to measure what the label code is worth."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from uebench.plugins.base import Info
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
    earlier: ClassVar = {
        "fcd4ea86ddf3997c8d537f99991c0d289660e5090ee8666900745f66dcfb377f": "both learning rates followed one schedule",
        "6ef962241ce687e33dd39a3b5d842e3a4595d0d753dbe5493830289bc3319376": "the digest left out imported modules",
    }
