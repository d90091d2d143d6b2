"""What every attacker owes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import SkipTest

import numpy as np
import torch
from torch import Tensor

from uebench.data.dataset import Dataset
from uebench.evaluation import records, referee
from uebench.evaluation.seeding import seed_everything
from uebench.plugins.base import BEFORE_TRAINING, PLACES, Attacker, Config, Countermeasure, Info, Split, Trained
from uebench.store.record_parts import TrainingRecord
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite, kills, people, same, shuffled
from uebench.testing.context import MemoryContext, Saved

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Attack:
    """What an attacker did.

    Attributes:
        trained: Its result.
        answers: What its classifier says of the training images: (N, K).
        right: What the referee counts at the end.
        saved: Its checkpoints.
    """

    trained: Trained
    answers: Tensor
    right: int
    saved: Sequence[Saved]


class Recorder(Countermeasure[Config]):
    """Changes nothing and remembers whether it was called in its place."""

    name = "recorder"
    version = 1
    info = Info(title="remembers its calls")
    Config = Config

    def __init__(self, place: Any) -> None:  # noqa: ANN401
        """Start with no call."""
        super().__init__(Config())
        self.place = place  # type: ignore[misc]
        self.called: set[str] = set()

    def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return both as they are."""
        self.called.add("batch")
        return images, targets

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        """Return the images as they are."""
        self.called.add("step")
        return images

    def on_epoch(self, labels: Tensor, rng: torch.Generator) -> tuple[Tensor, int]:
        """Hold back one image."""
        self.called.add("epoch")
        return torch.arange(len(labels), device=labels.device) == 0, 0


class Shaper(Recorder):
    """The same, and it gives the gradient that an attacker takes without it."""

    def gradient(
        self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Leave it as it is."""
        self.called.add("gradient")
        return super().gradient(images, targets, model, rng)


class AttackerSuite(Suite[Attacker[Any], Attack]):
    """The checks of an attacker."""

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
    ) -> Attack:
        """Train an instance and let the referee count."""
        data = data or people(size or self.size)
        train = referee.image_set(data.train, data.num_classes, CPU)
        images = train.batch(torch.arange(len(train))).images
        examine = referee.Examiner(data, CPU)
        with self.at_work():
            ctx = MemoryContext(seed, resume_from, examine)
            seed_everything(ctx)
            self.give(**{"train.images": train.images, "train.labels": train.labels})
            trained = self.build().fit(train, countermeasures, ctx)
            with torch.inference_mode():
                answers = trained.classifier(images)
            return Attack(trained, answers, examine(trained.classifier)["test_correct"], ctx.saved)

    def result(self, done: Attack) -> object:
        """Return what the classifier says, and what of the curve does not come from the test set."""
        trained = done.trained
        seen = [[epoch.get(name) for name in ("epoch", "loss", "train_correct")] for epoch in trained.curve]
        return [done.answers, seen, trained.steps, trained.images]

    @proves("the classifier returns finite logits, one for each identity")
    def logits(self) -> None:
        """Ask about the training images."""
        answers, expected = self.whole.answers, (len(people(self.size).train.labels), 3)
        if tuple(answers.shape) != expected or not answers.is_floating_point():
            reason = f"returns {tuple(answers.shape)} {answers.dtype} for {expected[0]} images of {expected[1]} people"
            raise ContractError(f"the classifier {reason}; return float logits (B, K)", self.line("fit"))
        if not bool(torch.isfinite(answers).all()):
            raise ContractError("the classifier returns NaN or infinity; check the training", self.line("fit"))

    @proves("it says how the training went")
    def curve(self) -> None:
        """Look at what becomes the record."""
        done = self.whole
        trained = done.trained
        if not trained.curve:
            raise self.returns("no epoch in the curve; call ctx.examine at least once")
        missing = [name for name in ("epoch", "loss", "train_correct", "test_correct") if name not in trained.curve[-1]]
        if missing:
            remedy = "add what ctx.examine returns" if missing == ["test_correct"] else "see Trained.curve"
            raise self.returns(f"entries of the curve lack {' and '.join(missing)}; {remedy}")
        try:
            epochs = records.epochs(trained)
            TrainingRecord(
                epochs=len(epochs), steps=trained.steps, stopped=trained.stopped, model=dict(trained.details)
            )
        except ValueError as error:
            raise self.returns(f"the record refuses what it returns: {' '.join(str(error).split())}") from error
        if epochs[-1].test_correct != done.right:
            raise self.returns("the classifier is not the one that ctx.examine saw last")

    @proves("it has seen every image")
    def images(self) -> None:
        """Compare the number of images that it says it has seen with the set."""
        if self.whole.trained.images < (there := len(people(self.size).train.labels)):
            reason = f"says that it trained on {self.whole.trained.images} images, and the set has {there}"
            raise self.returns(reason)

    @proves("it learns the same whatever the clean test set is")
    def unseen(self) -> None:
        """Let the referee count on a test set that has nothing in common with the first."""
        if not self.is_repeatable:
            raise SkipTest("two runs with the same seed differ")
        data = people(self.size)
        noise = np.random.default_rng(0).integers(0, 256, data.test.images.shape, np.uint8)
        other = replace(data, test=Split(noise, data.num_classes - 1 - data.test.labels))
        if not same(self.result(self.whole), self.result(self.run(data=other))):
            raise ContractError("what it learns depends on the clean test set, which it must not see", self.line("fit"))

    @proves("the same seed learns the same")
    def repeats(self) -> None:
        """Train again."""
        if not self.is_repeatable:
            reason = 'two runs with the same seed differ; draw all random numbers from ctx.rng("name")'
            raise ContractError(reason, self.line("fit"))

    @proves("another seed learns something else")
    def seed(self) -> None:
        """Train with another seed."""
        if self.plugin.info.ignores_seed:
            raise SkipTest("it ignores the seed by design")
        answers = self.whole.answers
        if bool(torch.isfinite(answers).all()) and same(answers, self.run(seed=1).answers):
            reason = 'seeds 0 and 1 learn the same; draw from ctx.rng("name"), or say Info(ignores_seed=True)'
            raise ContractError(reason, self.line("fit"))

    @proves("a killed run resumes to the same classifier")
    def resume(self) -> None:
        """Begin again after the first checkpoint, and after the last one."""
        done = self.whole
        if not done.saved:
            raise SkipTest("it saves no checkpoint")
        if not self.is_repeatable:
            raise SkipTest("two runs with the same seed differ")
        for number in kills(done.saved):
            resumed = self.run(resume_from=done.saved[:number])
            ends = [[self.result(one), one.trained.curve] for one in (done, resumed)]
            if not same(*ends):
                raise ContractError(
                    f"a run that is killed after checkpoint {number} of {len(done.saved)} and resumes learns something "
                    "else; save all that the next epoch depends on, and begin after the step that restore returns",
                    self.line("fit"),
                )

    @proves("it calls countermeasures in the places that it names")
    def places(self) -> None:
        """Hand it one that remembers its calls."""
        wrong = [one for one in self.plugin.places if one not in PLACES or one in BEFORE_TRAINING]
        if wrong:
            raise ContractError(f"places names {wrong[0]!r}; it may name batch, step and epoch", self.line("places"))
        if not self.plugin.places:
            raise SkipTest("it names no place")
        self.whole  # noqa: B018
        kinds = {"step": Shaper}
        recorders = tuple(kinds.get(one, Recorder)(one) for one in PLACES if one in self.plugin.places)
        self.run(countermeasures=recorders)
        if forgotten := [one.place for one in recorders if one.place not in one.called]:
            reason = f"places names {forgotten[0]!r}, and fit does not call on_{forgotten[0]}"
            raise ContractError(reason, self.line("places"))
        if any(one.place == "step" and "gradient" not in one.called for one in recorders):
            reason = "places names 'step', and fit does not take the gradient of a countermeasure that replaces it"
            raise ContractError(reason, self.line("places"))

    @proves("identities may come in any order and number of images")
    def labels(self) -> None:
        """Shuffle the set, give the identities other numbers, and leave some images out."""
        self.whole  # noqa: B018
        data = shuffled(people(self.size))
        if reason := self.obstacle(data.size, data.info.train_counts):
            raise SkipTest(reason)
        self.run(data=data)
