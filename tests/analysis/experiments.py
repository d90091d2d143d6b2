"""Made-up experiments: what runs recognise where seeds, people and photographs have random effects."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from uebench.analysis.statistics import Runs

N, IDENTITIES = 200, 10
EXPERIMENTS = 300
PHOTOGRAPHS, OF_EACH = 30, 7
POINTS = 8_000  # over which the accuracy that an interval should hold is averaged

Answers = NDArray[np.bool_]


def as_runs(right: Any, with_answers: bool = True) -> Runs:  # noqa: ANN401
    """Return runs of (method seeds, attacker seeds, photographs) of 0 and 1."""
    right = np.asarray(right)
    seeds = list(product(range(right.shape[0]), range(right.shape[1])))
    answers = {(one, two): right[one, two].tolist() for one, two in seeds}
    return Runs(
        {one: sum(given) / len(given) for one, given in answers.items()},
        right.shape[2],
        answers if with_answers else None,
    )


class World:
    """Random effects, on the logit scale, of method seed, attacker seed, both, photograph, identity, and the rest."""

    def __init__(
        self, rng: np.random.Generator, seeds: tuple[int, int], *, base: float = -1.0, method: float = 0.3,
        attacker: float = 0.15, both: float = 0.25, fails: float = 0.0,
    ) -> None:  # fmt: skip
        self.rng, self.seeds, self.base = rng, seeds, base
        self.fails = fails  # by how much the attacker does better with one protected set in three
        self.sizes = (method, attacker, both)
        self.identity = rng.normal(0, 0.6, IDENTITIES)
        self.photograph = rng.normal(0, 1.5, N) + np.repeat(self.identity, N // IDENTITIES)
        self.attacker = rng.normal(0, attacker, seeds[1])

    def method(self, shift: float = 0.0) -> tuple[Answers, float]:
        """Return what the runs of a method recognise, and the accuracy that an interval of them is about."""
        rng, (sets, attackers) = self.rng, self.seeds
        spread, of_attackers, both = self.sizes
        own, pairs = rng.normal(0, spread, sets), rng.normal(0, both, self.seeds)
        if self.fails:
            own += self.fails * (rng.random(sets) < 1 / 3)
        seeds = self.base + shift + own[:, None] + self.attacker + pairs
        logits = seeds[:, :, None] + self.photograph + rng.normal(0, 0.8, (*self.seeds, N))
        further = rng.choice(self.identity, POINTS) + rng.normal(0, math.hypot(1.5, 0.8), POINTS)
        if sets > 1:  # what has one seed is held fixed
            further += rng.normal(0, math.hypot(spread, both, of_attackers * (attackers > 1)), POINTS)
            further += self.attacker[0] * (attackers == 1)
            further += self.fails * (rng.random(POINTS) < 1 / 3 if self.fails else 0)
        elif attackers > 1:
            further += own[0] + rng.normal(0, math.hypot(of_attackers, both), POINTS)
        else:
            further += own[0] + self.attacker[0] + pairs[0, 0]
        return rng.random(logits.shape) < expit(logits), float(expit(self.base + shift + further).mean())


def copied(rng: np.random.Generator, seeds: tuple[int, int], shift: float = 0.0) -> tuple[Runs, float]:
    """Return runs on several images of each photograph, and the accuracy on many photographs."""
    level, noise = -0.5 + shift, 0.6
    own = rng.normal(0, 0.3, (*seeds, 1, 1)) if math.prod(seeds) > 1 else 0.0
    photograph = rng.normal(0, 1.5, (PHOTOGRAPHS, 1))
    logits = level + own + photograph + rng.normal(0, noise, (*seeds, PHOTOGRAPHS, OF_EACH))
    right = (rng.random(logits.shape) < expit(logits)).reshape(*seeds, -1)
    spread_of_seeds = 0.3 if math.prod(seeds) > 1 else 0.0
    truth = expit(level + rng.normal(0, math.hypot(1.5, noise, spread_of_seeds), POINTS)).mean()
    return replace(as_runs(right), of_each=OF_EACH), float(truth)
