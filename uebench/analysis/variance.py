"""The variance of a mean accuracy over method seeds, attacker seeds and photographs. Importable without numpy.

It comes from mean squares of the table of runs and photographs, as in generalizability theory (Brennan 2001, chapters 3
and 4). Resampling seeds and photographs independently (the pigeonhole bootstrap, Owen 2007) estimates the same, but
with a bias at few levels and with the noise of resampling: three seeds have ten resamples, and their percentiles cover
far less than 95%. Quantiles are Student's, with the degrees of freedom of Satterthwaite (1946), which are few for few
seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Parts = list[tuple[Floats, int]]  # variances with their degrees of freedom


def variance_of(
    tables: Sequence[Floats],
    of_photographs: float,
    pair_attackers: bool = True,
    concentration: Sequence[float] = (),
) -> tuple[float, float]:
    """Return the variance of a mean, or of the difference of two, and its degrees of freedom.

    Args:
        tables: One or two, (method seeds, attacker seeds, photographs). Without answers, the last axis has length
            1; so has that of attackers if their seeds are nested.
        of_photographs: The variance by the choice of photographs. Like the variance by seeds, it includes the
            interactions of seeds and photographs, which are therefore subtracted once.
        pair_attackers: Whether two tables have the same attacker seeds; otherwise theirs are independent.
        concentration: Of each table, the sum of the squared weights of its attacker seeds in the mean; by default they
            count the same.
    """
    concentration = concentration or [1 / table.shape[1] for table in tables]
    means = [table.mean(-1, keepdims=True) for table in tables]
    of_methods, of_attackers, both = _of_seeds(means, pair_attackers, concentration)
    sets, attackers = (sum(float(part[0]) for part, _ in parts) for parts in (of_methods, of_attackers))
    of_seeds = sets + attackers - float(both[0])
    counted_twice, photographs = 0.0, tables[0].shape[-1]
    if photographs > 1:
        *parts, shared = _of_seeds(tables, pair_attackers, concentration)
        each = sum((part for part, _ in chain(*parts)), -shared)
        counted_twice = max(0.0, (float(each.mean()) - of_seeds) / (photographs - 1))
    of_seeds = max(of_seeds, sets, attackers)  # the true variance is no less than either
    variance = max(of_seeds, of_photographs, of_seeds + of_photographs - counted_twice)
    made_of = (of_methods if of_seeds > attackers else []) + (of_attackers if of_seeds > sets else [])
    squares = sum(float(part[0]) ** 2 / free for part, free in made_of)
    return variance, variance**2 / squares if squares else math.inf


def _of_seeds(
    tables: Sequence[Floats], pair_attackers: bool, concentration: Sequence[float]
) -> tuple[Parts, Parts, Floats]:
    """Return the variance that seeds add to each photograph's mean (or difference of means).

    Returns:
        The parts of method seeds, one for each table with several; those of attacker seeds, one if these pair the
        tables; and the interaction, which both kinds of parts include.
    """
    import numpy as np

    of_methods, both = [], np.zeros(tables[0].shape[-1])
    for table in tables:
        sets, attackers = table.shape[:2]
        if sets > 1:
            of_methods.append((table.mean(1).var(0, ddof=1) / sets, sets - 1))
            if attackers > 1:
                residual = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean((0, 1))
                both = both + (residual**2).sum((0, 1)) / ((sets - 1) * (attackers - 1) * sets * attackers)
    by_attacker = [table.mean(0) for table in tables]
    if pair_attackers and len(tables) > 1:
        by_attacker = [by_attacker[0] - by_attacker[1]]
    of_attackers = [
        (one.var(0, ddof=1) * of_weights, len(one) - 1)
        for one, of_weights in zip(by_attacker, concentration, strict=False)  # paired tables make one difference
        if len(one) > 1
    ]
    return of_methods, of_attackers, both


def with_photographs(degrees: float, share: float, photographs: int) -> float:
    """Return degrees of freedom that also account for few photographs, the origin of a share of the variance."""
    return 1 / (1 / degrees + share**2 / max(photographs - 1, 1))


def quantile(degrees: float) -> float:
    """Return Student's quantile of a 95% interval."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
