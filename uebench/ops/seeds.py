"""Seeds for code that draws from a global generator, drawn from a local one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uebench.lazy import torch

if TYPE_CHECKING:
    from torch import Generator


def draw_seed(rng: Generator) -> int:
    """Draw a seed below 2**62 from a CPU generator."""
    return int(torch.randint(2**62, (), generator=rng))


def seed_torch(rng: Generator) -> None:
    """Seed torch's global generator, which initial weights, dropout and stochastic depth draw from."""
    torch.manual_seed(draw_seed(rng))
