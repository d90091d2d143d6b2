"""Who is asked for answers, in which order, and that a kill loses none."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attackers.measures import Measure
from uebench.data.dataset import Dataset, of_arrays
from uebench.evaluation import referee
from uebench.evaluation.attack import attack
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext
from uebench.planning.parts import attacker_parts
from uebench.plugins.base import Config, ImageSet, Split
from uebench.plugins.registry import Registry
from uebench.store import answers
from uebench.store.store import Store

CPU = torch.device("cpu")


def colours(labels: list[int]) -> Split:
    """Images whose brightness is ten times their position, so that they are told apart."""
    images = (
        np.zeros((len(labels), 3, 32, 32), np.uint8) + 10 * np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    )
    return Split(images, np.array(labels, np.int64))


@pytest.fixture
def unsorted() -> Dataset:
    return of_arrays(colours([0, 1, 2, 0, 1, 2]), colours([2, 0, 1, 0, 2]))


def bright(images: Tensor) -> Tensor:
    """Say 2 of images 0 and 4, 0 of image 1, and 1 of images 2 and 3."""
    position = (images.mean(dim=(1, 2, 3)) * 255 / 10).round().long()
    return torch.eye(3)[torch.tensor([2, 0, 1, 1, 2])[position]]


def test_answers_come_by_identity_though_the_test_split_does_not(unsorted: Dataset) -> None:
    examiner = referee.Examiner(unsorted, CPU)
    assert examiner.predict(bright).tolist() == [0, 1, 1, 2, 2]  # of images 1, 3, 2, 0, 4
    sizes = unsorted.info.test_counts
    right = answers.correct(answers.decode(examiner(bright), sum(sizes)), sizes)
    assert right == (True, False, True, True, True)


def test_an_attack_counts_the_answers_that_it_returns(unsorted: Dataset) -> None:
    part = attacker_parts(Registry(), "timm(model=test_resnet, epochs=1, batch=3)", "smoke")[0]
    ctx = RunContext(CPU, 0, examine=referee.Examiner(unsorted, CPU))
    done = attack(part, (), unsorted, np.zeros((), np.int8), ctx)
    right = iter(
        answers.correct(answers.decode(done.answers, sum(unsorted.info.test_counts)), unsorted.info.test_counts)
    )
    counted = [sum(next(right) for _ in range(one.n)) for one in done.per_identity]
    assert counted == [one.correct for one in done.per_identity]
    assert done.trained.curve[-1]["test_answers"] == done.answers


class KilledError(Exception):
    """Stands for a kill at an epoch's end."""


def test_the_answers_of_every_epoch_survive_a_kill(
    unsorted: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.evaluation.checkpoints.SHARE", math.inf)
    part = attacker_parts(Registry(), "timm(model=test_resnet, epochs=4, batch=3)", "smoke")[0]

    def run(store: Store | None, stop: int = 99) -> list[dict[str, Any]]:
        def progress(done: int, total: int, text: str) -> None:
            if done == stop:
                raise KilledError

        kept = Checkpoints(store.work, "k", "train") if store else None
        ctx = RunContext(CPU, 0, checkpoints=kept, progress=progress, examine=referee.Examiner(unsorted, CPU))
        return [dict(epoch) for epoch in attack(part, (), unsorted, np.zeros((), np.int8), ctx).trained.curve]

    whole = run(None)
    for stop in (2, 3):
        with pytest.raises(KilledError):
            run(Store(tmp_path), stop)
    assert run(Store(tmp_path)) == whole
    assert all(answers.decode(epoch["test_answers"], sum(unsorted.info.test_counts)) for epoch in whole)


def test_what_a_countermeasure_on_the_set_draws_does_not_change_the_training(unsorted: Dataset) -> None:
    class Draws(Measure):
        place = "set"

        def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
            torch.rand(1)
            return train.images

    part = attacker_parts(Registry(), "timm(model=test_resnet, epochs=1, batch=3)", "smoke")[0]
    drawing = SimpleNamespace(build=lambda: Draws(Config()))

    def weights(*measures: object) -> list[Tensor]:
        ctx = RunContext(CPU, 0, examine=referee.Examiner(unsorted, CPU))
        done = attack(part, measures, unsorted, np.zeros((), np.int8), ctx)  # type: ignore[arg-type]
        assert isinstance(done.trained.classifier, torch.nn.Module)
        return list(done.trained.classifier.state_dict().values())

    assert all(map(torch.equal, weights(), weights(drawing)))
