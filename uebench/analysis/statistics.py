"""Intervals and tests of accuracies over seeds and photographs. Importable without numpy.

Three random draws decide the accuracy of a run: the method's seed, the attacker's seed, and which photographs of the
same people happen to be in the test set. The estimate is of the expected accuracy over many runs and many such
photographs, so all three add to its error. The model has a random effect for each draw and for each combination of
them. Photographs are crossed with both kinds of seeds, since all runs see the same ones.

**Attacker seeds are crossed with method seeds** if the same ones occur with every method seed, as in a grid: equal
seeds see photographs in equal order and mostly start from equal weights, so they may share an effect. The crossed
analysis is valid with and without such an effect; a nested one would count nine runs of three attacker seeds as nine
draws. Attacker seeds that differ between method seeds are nested in them. If some runs of a grid are missing, the
variance comes from the attacker seeds that occur with every method seed. Where these are fewer than two, missing runs
are replaced by what both seeds add up to in the others (Yates 1933), and each attacker seed counts as it does in the
mean, in which every method seed counts the same.

**Error of a mean.** See ``variance``. In simulations, intervals from three seeds cover 92 to 98%; about 90% where
accuracies range over tens of points; and about 85% where one protected set in three fails. A factor with one level is
held fixed: an interval from one method seed is about this one protected set, and one from a single run about this run.

**Interval of an accuracy.** Wilson's, with an effective number of photographs: the number of independent ones that
would leave the same uncertainty (Korn and Graubard 1998; with Wilson's interval, Dean and Pagano 2015). It lies in
[0, 1] and is not symmetric. For the variance, two photographs that every run recognises and two that none recognises
are added (Agresti and Coull 1998), so that at 0% and 100% the interval is Wilson's for the number of photographs, not
for photographs x runs. A single run has Wilson's interval itself.

**Several test images of one photograph**, as ``orl_varied`` makes them, carry less information than as many
photographs. They count as one observation, the share of them that a run recognises; Student's quantile then has the
degrees of freedom of so many photographs (Korn and Graubard 1998).

**Without answers to each photograph** (early records) it is unknown whether runs recognise the same ones. It is assumed
that they do: the interval is Wilson's for the mean and the number of photographs, widened by the spread over seeds, and
a difference of two methods gets no credit for being measured on the same photographs. Both are conservative.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from uebench.analysis.variance import quantile, variance_of, with_photographs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z = 1.959963984540054
"""The standard normal quantile of 95% intervals."""

ENOUGH = 3
"""The fewest protected sets of a method for a test. One set does not tell how much others differ, however many
attackers train on it; and at the small p values that a correction for many tests asks for, two reject several times too
often."""

PSEUDO = 2.0
"""How many photographs, recognised by all runs or by none, are added of each kind for a variance."""


def wilson(correct: float, n: float) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a proportion (Wilson 1927).

    Args:
        correct: Successes.
        n: Trials, more than 0; an effective number need not be whole.
    """
    share, z2 = correct / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def share_learned(accuracy: float, chance: float | None, reference: float | None) -> float | None:
    """Return (accuracy - chance) / (reference - chance): how much the attacker learned of what there was to learn.

    Args:
        accuracy: The accuracy on protected images.
        chance: The accuracy of guessing, in the same unit; None if it is not known.
        reference: The accuracy on clean images; None if it is not known.

    Returns:
        None without ``chance`` or ``reference``, or if the reference is no better than chance.
    """
    if chance is None or reference is None or reference <= chance:
        return None
    return (accuracy - chance) / (reference - chance)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number (Holm 1979), so that alpha bounds the risk of any false finding."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


@dataclass(frozen=True)
class Runs:
    """The results of one method against one attacker over seeds.

    Attributes:
        shares: The accuracy of each run, by method seed and attacker seed.
        n: How many images each run was tested on.
        answers: Which of them each run recognised, in one order for all; None if that is not known of every run.
        of_each: How many of the images are made of each photograph; these are adjacent.
        is_one_set: Whether the method has no protected sets but this one: the clean reference, or a set made by other
            code.
    """

    shares: Mapping[tuple[int, int], float]
    n: int
    answers: Mapping[tuple[int, int], Sequence[bool]] | None = None
    of_each: int = 1
    is_one_set: bool = False

    @property
    def photographs(self) -> int:
        """Return how many photographs there are behind the images."""
        return self.n // self.of_each

    @cached_property
    def by_method_seed(self) -> dict[int, list[int]]:
        """Return the attacker seeds of each method seed."""
        seeds: dict[int, list[int]] = {}
        for method_seed, seed in sorted(self.shares):
            seeds.setdefault(method_seed, []).append(seed)
        return seeds

    @property
    def mean(self) -> float:
        """Return the mean accuracy; every method seed counts the same."""
        return fmean(fmean(self.shares[one, two] for two in seeds) for one, seeds in self.by_method_seed.items())

    @property
    def seeds(self) -> str:
        """Return method seeds x attacker seeds: ``3 x 3``, or ``2 x 1-3`` where their number differs."""
        counts = [len(seeds) for seeds in self.by_method_seed.values()]
        least, most = min(counts), max(counts)
        return f"{len(counts)} x {least}" + (f"-{most}" if most > least else "")

    @property
    def concentration(self) -> float:
        """Return the sum of the squared weights of the attacker seeds in the mean: 1/J if J seeds count the same."""
        weights: dict[int, float] = {}
        for seeds in self.by_method_seed.values():
            for seed in seeds:
                weights[seed] = weights.get(seed, 0.0) + 1 / (len(seeds) * len(self.by_method_seed))
        return sum(weight**2 for weight in weights.values())

    def only(self, seeds: Container[int]) -> Runs:
        """Return the runs with the given attacker seeds."""
        kept = [pair for pair in self.shares if pair[1] in seeds]
        answers = {pair: self.answers[pair] for pair in kept} if self.answers else None
        return replace(self, shares={pair: self.shares[pair] for pair in kept}, answers=answers)

    @property
    def several(self) -> bool:
        """Return whether there is more than one run."""
        return len(self.shares) > 1

    @property
    def can_be_tested(self) -> bool:
        """Return whether there are enough runs for a test of the method, not only of one of its protected sets."""
        return len(self.shares if self.is_one_set else self.by_method_seed) >= ENOUGH


def interval(runs: Runs) -> tuple[float, float]:
    """Return the 95% interval of the mean accuracy of some runs; see this module's docstring."""
    n, mean = runs.photographs, runs.mean
    if not runs.several and (runs.of_each == 1 or not runs.answers):
        return wilson(mean * n, n)
    import numpy as np

    common = set.intersection(*map(set, runs.by_method_seed.values()))
    counted = runs.only(common) if len(common) > 1 else runs
    table, more = _table(counted), n + 2 * PSEUDO
    middle = (mean * n + PSEUDO) / more
    one_run = middle * (1 - middle) / (more - 1)
    of_photographs = one_run
    if runs.answers:
        with_pseudo = np.concatenate([table.mean((0, 1)), np.repeat([0.0, 1.0], int(PSEUDO))])
        of_photographs = float(with_pseudo.var(ddof=1)) / more
    variance, degrees = variance_of([table], of_photographs, concentration=[counted.concentration])
    if runs.of_each > 1:
        degrees = with_photographs(degrees, of_photographs / variance, n)
    effective = n * one_run / variance * (Z / quantile(degrees)) ** 2
    return wilson(mean * effective, effective)


@dataclass(frozen=True, slots=True)
class Difference:
    """How the accuracies of two methods differ on the same photographs.

    Attributes:
        value: The first minus the second, in [-1, 1].
        low: Lower end of the 95% interval.
        high: Upper end.
        p: Two-sided p value for no difference.
        seeds: Method seeds x attacker seeds that were compared, of the first method and of the second.
        paired: Whether the photographs are paired, which needs the answers of both methods.
    """

    value: float
    low: float
    high: float
    p: float
    seeds: tuple[str, str]
    paired: bool


def difference(one: Runs, other: Runs) -> Difference:
    """Compare two methods by the accuracy of the same attacker on the same photographs.

    Photographs are paired, and so are attacker seeds: only those that occur with every method seed of both methods
    count. Seeds of two methods are independent, so their variances add. Where a method would be left with too few seeds
    for a test, or with one instead of several, all runs count and attacker seeds are not paired. For the variance, half
    a photograph for either side and one for neither are added (Agresti and Min 2005), so that no interval has zero
    width.

    Args:
        one: The first method.
        other: The second, with the same attacker and photographs. If either has a single run, the result is about this
            one run.

    Raises:
        ValueError: If the numbers of images or of photographs differ.
    """
    from scipy.special import stdtr

    if (one.n, one.of_each) != (other.n, other.of_each):
        raise ValueError(f"{one.n} and {other.n} images, {one.of_each} and {other.of_each} of each photograph")
    n = one.photographs
    common = set.intersection(*(set(seeds) for runs in (one, other) for seeds in runs.by_method_seed.values()))
    paired = [one.only(common), other.only(common)] if common else []
    seeds_are_paired = bool(paired) and all(
        (kept.several, kept.can_be_tested) == (whole.several, whole.can_be_tested)
        for kept, whole in zip(paired, (one, other), strict=True)
    )
    if seeds_are_paired:
        one, other = paired
    tables = [_table(one), _table(other)]
    photographs_are_paired = bool(one.answers and other.answers)
    if photographs_are_paired:
        gaps = tables[0].mean((0, 1)) - tables[1].mean((0, 1))
        middle, squares = float(gaps.sum()) / (n + 2), float((gaps**2).sum()) + 1
        of_photographs = (squares / (n + 2) - middle**2) / (n + 1)
    else:
        more = n + 2 * PSEUDO
        middles = [(runs.mean * n + PSEUDO) / more for runs in (one, other)]
        of_photographs = sum(middle * (1 - middle) for middle in middles) / (more - 1)
        tables = [table.mean(-1, keepdims=True) for table in tables]
    concentration = [one.concentration, other.concentration]
    variance, degrees = variance_of(tables, of_photographs, seeds_are_paired, concentration)
    if one.of_each > 1:
        degrees = with_photographs(degrees, of_photographs / variance, n)
    value, error = one.mean - other.mean, math.sqrt(variance)
    half = quantile(degrees) * error
    p = 2 * float(stdtr(degrees, -abs(value) / error))
    low, high = max(-1.0, value - half), min(1.0, value + half)
    return Difference(value, low, high, p, (one.seeds, other.seeds), photographs_are_paired)


def _table(runs: Runs) -> Floats:
    """Return the answers of runs as (method seeds, attacker seeds, photographs): 0, 1, or a share of several images.

    Without answers, the last axis holds the accuracy alone. If attacker seeds are nested, their axis has length 1.
    Missing runs are replaced by estimates, which need not lie in [0, 1].
    """
    import numpy as np

    answers: Mapping[tuple[int, int], Sequence[float]]
    answers = runs.answers or {seeds: (share,) for seeds, share in runs.shares.items()}
    pairs = sorted(answers)
    known = np.array([answers[pair] for pair in pairs], np.float64)
    if runs.answers and runs.of_each > 1:
        known = known.reshape(len(known), -1, runs.of_each).mean(-1)
    sets, attackers = (sorted(set(seeds)) for seeds in zip(*pairs, strict=True))
    if len(pairs) == len(sets) * len(attackers):
        return known.reshape(len(sets), len(attackers), -1)
    places = np.array([[one == a for a in sets] + [two == b for b in attackers] for one, two in pairs], np.float64)
    if np.linalg.matrix_rank(places) == len(sets) + len(attackers) - 1:  # each seed can be compared with each other
        effects = np.linalg.pinv(places) @ known
        table = effects[: len(sets), None] + effects[None, len(sets) :]
        table[[sets.index(one) for one, _ in pairs], [attackers.index(two) for _, two in pairs]] = known
        return table
    rows = [known[[pair[0] == one for pair in pairs]].mean(0, keepdims=True) for one in sets]
    return np.stack(rows)
