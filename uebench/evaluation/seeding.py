"""Seeding of torch's and NumPy's global generators."""

from __future__ import annotations

import numpy as np
import torch

from uebench.evaluation.context import RunContext


def seed_everything(ctx: RunContext) -> None:
    """Seed torch's and NumPy's global generators from the context, for plugins that use them."""
    start = int(torch.randint(2**31, (), generator=ctx.rng("global")))
    torch.manual_seed(start)
    np.random.seed(start)  # noqa: NPY002
