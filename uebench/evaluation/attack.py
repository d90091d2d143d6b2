"""Runs an attack: the attacker trains on a protected set, and its correct answers on the clean test set are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.dataset import Dataset
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext, seed_everything
from uebench.evaluation.curve import check_last, differing, with_results
from uebench.evaluation.returned import checked
from uebench.evaluation.robustness import robustness
from uebench.plugins.base import BEFORE_TRAINING, Attacker, Countermeasure, Trained
from uebench.plugins.part import Part
from uebench.store import answers
from uebench.store.record_parts import Counts, Robustness, Scope
from uebench.training.loop import on_set


@dataclass(frozen=True, slots=True)
class Attack:
    """The result of an attack.

    Attributes:
        trained: The trained classifier, and the attacker's report on its training, with the referee's results.
        per_identity: Correct answers on the clean test set by identity, counted by the referee after the training.
        answers: The encoded answers; see ``uebench.store.answers``.
        scope: The images that the attacker held unprotected, if any.
        robust: The accuracy under a PGD attack, if a countermeasure trains for robustness.
    """

    trained: Trained
    per_identity: tuple[Counts, ...]
    answers: str
    scope: Scope | None
    robust: Robustness | None

    @property
    def counts(self) -> Counts:
        """Return the correct answers on the whole clean test set, the headline number."""
        return _total(self.per_identity)


def attack(
    attacker: Part[Attacker[Any]],
    countermeasures: Sequence[Part[Countermeasure[Any]]],
    dataset: Dataset,
    delta: NDArray[Any],
    ctx: RunContext,
) -> Attack:
    """Train an attacker on a protected set and count its correct answers on the clean test set.

    Countermeasures on the ``scope`` and on the ``set`` are applied here; the attacker gets the others.

    Args:
        attacker: The attacker.
        countermeasures: Its countermeasures, in order.
        dataset: The clean photographs.
        delta: (N, 3, H, W) integers: protected minus clean training photographs, in grey levels.
        ctx: The attacker's context.

    Raises:
        CellError: If a plugin breaks the rules, or the training diverges.
    """
    measures = [part.build() for part in countermeasures]
    spared = referee.spared(measures, dataset, ctx)
    train = referee.image_set(referee.apply(dataset, delta, spared), dataset.num_classes, ctx.device)
    seed_everything(ctx)
    train = on_set(train, measures, ctx)
    seed_everything(ctx)  # so that random draws of a countermeasure on the set do not change the training
    in_training = tuple(measure for measure in measures if measure.place not in BEFORE_TRAINING)
    returned = attacker.build().fit(train, in_training, ctx)
    examiner = referee.Examiner(dataset, ctx.device)
    sizes, is_exact = dataset.info.test_counts, ctx.device.type == "cpu" and not ctx.has_resumed
    try:
        trained = checked(returned)
        predicted = examiner.predict(trained.classifier).tolist()
        shuffled = examiner.predict_shuffled(trained.classifier).tolist()
        if differing(predicted, shuffled) > answers.tolerance(len(predicted), 0.1):
            raise CellError("its answers depend on the other images of the batch; call eval()")
        trained = with_results(trained, ctx.examined, sizes)
        check_last(trained, predicted, 0 if is_exact else answers.tolerance(len(predicted)))
    except CellError as error:
        raise CellError(f"attacker {attacker.written!r}: {error}") from None
    correct = iter(answers.correct(predicted, sizes))  # sorted by identity, as the examiner's photographs are
    per_identity = tuple(Counts(correct=sum(islice(correct, n)), n=n) for n in sizes)
    radius = max((measure.robust_radius for measure in measures), default=0.0)
    robust = robustness(trained.classifier, examiner.test, radius, ctx) if radius else None
    return Attack(trained, per_identity, answers.encode(predicted), _scope(spared, dataset, per_identity), robust)


def _scope(spared: NDArray[np.bool_], dataset: Dataset, per_identity: Sequence[Counts]) -> Scope | None:
    if not spared.any():
        return None
    is_protected = np.bincount(dataset.train.labels[~spared], minlength=len(per_identity)) > 0

    def of(selected: NDArray[np.bool_]) -> Counts | None:
        chosen = [counts for counts, is_selected in zip(per_identity, selected, strict=True) if is_selected]
        return _total(chosen) if chosen else None

    return Scope(unprotected_images=int(spared.sum()), protected=of(is_protected), unprotected=of(~is_protected))


def _total(counts: Sequence[Counts]) -> Counts:
    return Counts(correct=sum(each.correct for each in counts), n=sum(each.n for each in counts))
