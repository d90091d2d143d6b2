"""The checks of attackers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import SkipTest

import numpy as np
import torch
from torch import Tensor

from uebench.data.dataset import Dataset
from uebench.errors import CellError
from uebench.evaluation import records, referee
from uebench.evaluation.context import seed_everything
from uebench.evaluation.curve import check_last, with_results
from uebench.evaluation.returned import checked
from uebench.plugins.base import BEFORE_TRAINING, PLACES, Attacker, Config, Countermeasure, Info, Split, Trained
from uebench.plugins.values import Classifier
from uebench.store import answers
from uebench.store.record_parts import TrainingRecord
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite
from uebench.testing.context import MemoryContext, Saved
from uebench.testing.runs import kills, same
from uebench.testing.samples import people, shuffled

CPU = torch.device("cpu")


@dataclass(frozen=True)
class FinishedAttack:
    """A finished attack.

    Attributes:
        trained: The result of the attacker.
        logits: The classifier's output (N, K) for the training images.
        examined: The encoded answers of each classifier that the referee tested.
        final: The answers of the trained classifier for the clean test set.
        saved: The checkpoints.
    """

    trained: Trained
    logits: Tensor
    examined: Sequence[str]
    final: Sequence[int]
    saved: Sequence[Saved]


class Recorder(Countermeasure[Config]):
    """Changes no images, and records whether it was called in its place."""

    name = "recorder"
    version = 1
    info = Info(title="records its calls")
    Config = Config

    def __init__(self, place: Any) -> None:  # noqa: ANN401
        """Start without calls.

        Args:
            place: One of ``PLACES``.
        """
        super().__init__(Config())
        self.place = place  # type: ignore[misc]
        self.called: set[str] = set()

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return both unchanged."""
        self.called.add("batch")
        return images, targets

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return the images unchanged."""
        self.called.add("step")
        return images

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Hold back the first image."""
        self.called.add("epoch")
        return torch.arange(len(labels), device=labels.device) == 0, 0


class GradientRecorder(Recorder):
    """A recorder that replaces the gradient, by the same one."""

    def gradient(
        self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Write the gradient that an attacker without countermeasures would use."""
        self.called.add("gradient")
        return super().gradient(images, targets, model, rng)


class AttackerSuite(Suite[Attacker[Any], FinishedAttack]):
    """The checks of an attacker; ``run`` trains it."""

    kind = "attacker"
    hooks = ("fit",)

    def run(
        self,
        *,
        size: int = 0,
        seed: int = 0,
        data: Dataset | None = None,
        resume_from: Sequence[Saved] = (),
        countermeasures: tuple[Countermeasure[Any], ...] = (),
    ) -> FinishedAttack:
        """Train a new instance, and let the referee count.

        Args:
            size: See ``Trials.run``.
            seed: The attacker's seed.
            data: See ``Trials.run``.
            resume_from: The checkpoints of a killed run.
            countermeasures: The countermeasures that the attacker gets.
        """
        data = data or people(size or self.size)
        train = referee.image_set(data.train, data.num_classes, CPU)
        images = train.batch(torch.arange(len(train))).images
        examine = _lenient(referee.Examiner(data, CPU))
        with self.at_work():
            ctx = MemoryContext(seed, resume_from, examine)
            seed_everything(ctx)
            self.give(**{"train.images": train.images, "train.labels": train.labels})
            trained = checked(self.build().fit(train, countermeasures, ctx))
            with torch.inference_mode():
                logits = trained.classifier(images)
            final = answers.decode(examine(trained.classifier), len(data.test.labels))
            return FinishedAttack(trained, logits, ctx.examined, final, ctx.saved)

    def result(self, done: FinishedAttack) -> object:
        """Return the logits, the part of the curve that does not depend on the test set, and the counts."""
        trained = done.trained
        curve = [[epoch.get(name) for name in ("epoch", "loss", "train_correct")] for epoch in trained.curve]
        return [done.logits, curve, trained.steps, trained.images]

    @proves("the classifier returns finite logits, one for each identity")
    def logits(self) -> None:
        """Check the logits of the training images, and that the classifier is in eval mode."""
        if referee.is_in_training(self.whole.trained.classifier):
            raise ContractError(referee.IN_TRAINING, self.line("fit"))
        logits, expected = self.whole.logits, (len(people(self.size).train.labels), 3)
        if tuple(logits.shape) != expected or not logits.is_floating_point():
            reason = f"returns {tuple(logits.shape)} {logits.dtype} for {expected[0]} images of {expected[1]} people"
            raise ContractError(f"the classifier {reason}; return float logits (B, K)", self.line("fit"))
        if not bool(torch.isfinite(logits).all()):
            raise ContractError("the classifier returns NaN or infinity; check the training", self.line("fit"))

    @proves("it reports the course of the training")
    def curve(self) -> None:
        """Check the curve and the values that the record takes from the result."""
        try:
            trained = with_results(self.whole.trained, self.whole.examined, people(self.size).info.test_counts)
            check_last(trained, self.whole.final, 0)
            epochs = records.epochs(trained)
            TrainingRecord(
                epochs=len(epochs), steps=trained.steps, stopped=trained.stopped, model=dict(trained.details)
            )
        except CellError as error:
            raise self.returns(str(error)) from error
        except ValueError as error:
            raise self.returns(f"the record refuses what it returns: {' '.join(str(error).split())}") from error

    @proves("it has seen every image")
    def images(self) -> None:
        """Compare the number of images that it claims to have seen with the size of the set."""
        if self.whole.trained.images < (count := len(people(self.size).train.labels)):
            reason = f"says that it trained on {self.whole.trained.images} images, and the set has {count}"
            raise self.returns(f"{reason}; count each image as often as the network sees it")

    @proves("it learns the same whatever the clean test set is")
    def unseen(self) -> None:
        """Replace the test set by noise with other labels."""
        if not self.is_repeatable:
            raise SkipTest("two runs with the same seed differ")
        data = people(self.size)
        noise = np.random.default_rng(0).integers(0, 256, data.test.images.shape, np.uint8)
        other = replace(data, test=Split(noise, data.num_classes - 1 - data.test.labels))
        if not same(self.result(self.whole), self.result(self.run(data=other))):
            raise ContractError("what it learns depends on the clean test set, which it must not see", self.line("fit"))

    @proves("the same seed learns the same")
    def repeats(self) -> None:
        """Train twice."""
        if not self.is_repeatable:
            reason = 'two runs with the same seed differ; draw all random numbers from ctx.rng("name")'
            raise ContractError(reason, self.line("fit"))

    @proves("another seed learns something else")
    def seed(self) -> None:
        """Train with another seed."""
        if self.plugin.info.ignores_seed:
            raise SkipTest("it ignores the seed by design")
        logits = self.whole.logits
        if bool(torch.isfinite(logits).all()) and same(logits, self.run(seed=1).logits):
            reason = 'seeds 0 and 1 learn the same; draw from ctx.rng("name"), or say Info(ignores_seed=True)'
            raise ContractError(reason, self.line("fit"))

    @proves("a killed run resumes to the same classifier")
    def resume(self) -> None:
        """Resume after the first checkpoint, and after the last one."""
        done = self.whole
        if not done.saved:
            raise SkipTest("it saves no checkpoint")
        if not self.is_repeatable:
            raise SkipTest("two runs with the same seed differ")
        for number in kills(done.saved):
            resumed = self.run(resume_from=done.saved[:number])
            results = [[self.result(attack), attack.trained.curve, attack.examined] for attack in (done, resumed)]
            if not same(*results):
                raise ContractError(
                    f"a run that is killed after checkpoint {number} of {len(done.saved)} and resumes learns something "
                    "else; save everything that the next epoch depends on, and begin after the step that restore "
                    "returns",
                    self.line("fit"),
                )

    @proves("it calls countermeasures in the places that it names")
    def places(self) -> None:
        """Train with countermeasures that record their calls."""
        wrong = [place for place in self.plugin.places if place not in PLACES or place in BEFORE_TRAINING]
        if wrong:
            raise ContractError(f"places names {wrong[0]!r}; it may name batch, step and epoch", self.line("places"))
        if not self.plugin.places:
            raise SkipTest("it names no place")
        self.skip_unless_it_runs()
        kinds = {"step": GradientRecorder}
        recorders = tuple(kinds.get(place, Recorder)(place) for place in PLACES if place in self.plugin.places)
        self.run(countermeasures=recorders)
        if uncalled := [recorder.place for recorder in recorders if recorder.place not in recorder.called]:
            reason = f"places names {uncalled[0]!r}, and fit does not call on_{uncalled[0]}"
            raise ContractError(f"{reason}; call it, or leave the place out", self.line("places"))
        if any(recorder.place == "step" and "gradient" not in recorder.called for recorder in recorders):
            reason = "places names 'step', and fit does not take the gradient of a countermeasure that replaces it"
            raise ContractError(f"{reason}; call gradient, or leave the place out", self.line("places"))

    @proves("identities may come in any order and number of images")
    def labels(self) -> None:
        """Train on a set with renumbered identities in random order, without some of the images."""
        self.skip_unless_it_runs()
        data = shuffled(people(self.size))
        if reason := self.obstacle(data.size, data.info.train_counts):
            raise SkipTest(reason)
        self.run(data=data)


def _lenient(examiner: referee.Examiner) -> Callable[[Classifier], str]:
    """Return an examiner that counts answers which are no logits as wrong; the check ``logits`` is about them."""

    def examine(classifier: Classifier) -> str:
        try:
            return examiner(classifier)
        except CellError:
            return answers.encode([2**32 - 1] * len(examiner.test))

    return examine
