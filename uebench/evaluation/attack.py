"""Let an attacker train on a set that may be protected, and count what it gets right on the clean test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.dataset import Dataset
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.robustness import robustness
from uebench.evaluation.seeding import seed_everything
from uebench.plugins.base import BEFORE_TRAINING, Attacker, Countermeasure, Trained
from uebench.plugins.part import Part
from uebench.store import answers
from uebench.store.record_parts import Counts, Robustness, Scope
from uebench.training.loop import on_set


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attacker reached.

    Attributes:
        trained: What it says of its training.
        per_identity: Correct answers on the clean test set, by identity, as the referee counted them at the end.
        answers: What was counted; see ``uebench.store.answers``.
        scope: What the attacker held unprotected, if anything.
        robust: What it recognises under attack, if a countermeasure trains it to withstand one.
    """

    trained: Trained
    per_identity: tuple[Counts, ...]
    answers: str
    scope: Scope | None
    robust: Robustness | None

    @property
    def counts(self) -> Counts:
        """Return the headline: correct answers on the whole clean test set."""
        return Counts(correct=sum(one.correct for one in self.per_identity), n=sum(one.n for one in self.per_identity))


def attack(
    attacker: Part, countermeasures: Sequence[Part], dataset: Dataset, delta: NDArray[Any], ctx: RunContext
) -> Attack:
    """Train on a protected set and count.

    Countermeasures on the scope of protection and on the set are applied here; the attacker is handed the others.

    Args:
        attacker: Who trains.
        countermeasures: What it adds, in order.
        dataset: The clean photographs.
        delta: (N, 3, H, W) protected minus clean training photographs, in grey levels.
        ctx: The attacker's context.

    Raises:
        CellError: If a plugin breaks the rules, or the training diverges.
    """
    measures: list[Countermeasure[Any]] = [part.build() for part in countermeasures]
    spared = referee.spared(measures, dataset, ctx)
    train = referee.image_set(referee.apply(dataset, delta, spared), dataset.num_classes, ctx.device)
    seed_everything(ctx)
    train = on_set(train, measures, ctx)
    seed_everything(ctx)  # so that what acts on the set changes no draw of the training
    model: Attacker[Any] = attacker.build()
    trained = model.fit(train, tuple(one for one in measures if one.place not in BEFORE_TRAINING), ctx)
    examiner = referee.Examiner(dataset, ctx.device)
    predicted = examiner.predict(trained.classifier).tolist()
    sizes = dataset.info.test_counts
    right = iter(answers.correct(predicted, sizes))
    counted = tuple(Counts(correct=sum(next(right) for _ in range(n)), n=n) for n in sizes)
    radius = max((measure.robust_radius for measure in measures), default=0.0)
    robust = robustness(trained.classifier, examiner.test, radius, ctx) if radius else None
    return Attack(trained, counted, answers.encode(predicted), _scope(spared, dataset, counted), robust)


def _scope(spared: NDArray[np.bool_], dataset: Dataset, counted: Sequence[Counts]) -> Scope | None:
    if not spared.any():
        return None
    kept = np.bincount(dataset.train.labels[~spared], minlength=len(counted)) > 0

    def of(who: NDArray[np.bool_]) -> Counts | None:
        chosen = [one for one, is_in in zip(counted, who, strict=True) if is_in]
        return Counts(correct=sum(c.correct for c in chosen), n=sum(c.n for c in chosen)) if chosen else None

    return Scope(unprotected_images=int(spared.sum()), protected=of(kept), unprotected=of(~kept))
