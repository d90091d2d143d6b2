"""The checks of methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from unittest import SkipTest

import torch
from safetensors.torch import load, save
from torch import Tensor

from uebench.data.dataset import Dataset
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import seed_everything
from uebench.plugins.base import Budget, ImageSet, Method
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite
from uebench.testing.context import MemoryContext, Saved
from uebench.testing.runs import kills, same
from uebench.testing.samples import people, shuffled

BATCH = 7
"""Images per batch. The last batch of the 18 images is smaller."""
SMALL = 4
"""Images per batch when the batches must not matter."""
ROUNDING = 0.5 / 255
"""How far the pixels of an image may then differ: sums of floats depend on the size of a batch."""


@dataclass(frozen=True)
class Protection:
    """A finished protection.

    Attributes:
        method: The fitted method.
        images: The return value of ``perturb`` for each batch.
        clean: The clean images of each batch: (B, 3, S, S) float32 in [0, 1].
        budget: The method's budget.
        saved: The checkpoints.
    """

    method: Method[Any]
    images: tuple[Tensor, ...]
    clean: tuple[Tensor, ...]
    budget: Budget
    saved: Sequence[Saved]


class MethodSuite(Suite[Method[Any], Protection]):
    """The checks of a method; ``run`` protects a set."""

    kind = "method"
    hooks = ("fit", "perturb")

    def run(
        self,
        *,
        size: int = 0,
        seed: int = 0,
        data: Dataset | None = None,
        resume_from: Sequence[Saved] = (),
        state: dict[str, Tensor] | None = None,
    ) -> Protection:
        """Fit a new instance, or load a state into it, and protect the set.

        Args:
            size: See ``Trials.run``.
            seed: The method's seed.
            data: See ``Trials.run``.
            resume_from: The checkpoints of a killed run.
            state: The state to load instead of fitting.
        """
        clean = self.photographs(data or people(size or self.size))
        with self.at_work():
            method = self.build()
            budget = method.budget(clean.size)
            ctx = MemoryContext(seed, resume_from)
            seed_everything(ctx)
            if state is None:
                train = replace(clean, images=clean.images.clone(), labels=clean.labels.clone())
                self.give(**{"train.images": train.images, "train.labels": train.labels})
                method.fit(train, ctx)
            else:
                method.load(state)
            images = self.perturb(method, clean, seed)
        batches = torch.split(clean.images.float() / 255, BATCH)
        return Protection(method, images, batches, budget, ctx.saved)

    def perturb(
        self, method: Method[Any], clean: ImageSet, seed: int = 0, *, seeded: bool = True, size: int = BATCH
    ) -> tuple[Tensor, ...]:
        """Protect a set with a fitted method.

        Args:
            method: The method.
            clean: The set.
            seed: The method's seed.
            seeded: Seed the global generators first, as in a task.
            size: Images per batch.

        Returns:
            The return value of ``perturb`` for each batch.
        """
        ctx = MemoryContext(seed)
        if seeded:
            seed_everything(ctx)
        self.watch_generators()
        images = []
        for batch in clean.batches(size):
            self.give(**{"batch.images": batch.images, "batch.labels": batch.labels, "batch.index": batch.index})
            with torch.no_grad():
                images.append(method.perturb(batch, ctx).clone())
        return tuple(images)

    def result(self, done: Protection) -> object:
        """Return the images."""
        return done.images

    def photographs(self, data: Dataset | None = None) -> ImageSet:
        """Return the training images of ``data``, by default of the synthetic photographs."""
        data = data or people(self.size)
        return referee.image_set(data.train, data.num_classes, torch.device("cpu"))

    def protected(self) -> list[tuple[Tensor, Tensor]]:
        """Return the protected and the clean images of each batch of the first run.

        Raises:
            SkipTest: If ``perturb`` did not return images of the right shape and dtype.
        """
        done = self.whole
        try:
            images = [referee.check_form(self.plugin.name, *pair) for pair in zip(done.images, done.clean, strict=True)]
        except CellError:
            raise SkipTest("perturb returns no images") from None
        return list(zip(images, done.clean, strict=True))

    def refused(self, error: CellError) -> ContractError:
        """Return the referee's objection to the images of ``perturb`` as the error of a check."""
        return self.returns(self.error(error).reason)

    @proves("perturb returns float images of the shape that it was given")
    def form(self) -> None:
        """Check shapes and dtypes."""
        done = self.whole
        try:
            for images, clean in zip(done.images, done.clean, strict=True):
                referee.check_form(self.plugin.name, images, clean)
        except CellError as error:
            raise self.refused(error) from error

    @proves("pixels are finite and in [0, 1]")
    def range(self) -> None:
        """Check the smallest and the largest."""
        for images, _ in self.protected():
            try:
                referee.check_range(self.plugin.name, images)
            except CellError as error:
                raise self.refused(error) from error

    @proves("it stays within its budget")
    def budget(self) -> None:
        """Measure the change in the norm of the budget."""
        for images, clean in self.protected():
            if not bool(torch.isfinite(images).all()):
                raise SkipTest("not all pixels are finite")
            try:
                referee.check_budget(self.plugin.name, images, clean, self.whole.budget)
            except CellError as error:
                raise self.refused(error) from error

    @proves("the same seed gives the same bytes")
    def repeats(self) -> None:
        """Run it again."""
        if not self.is_repeatable:
            is_of_fit = self.plugin.fit is not Method.fit and not self.is_inconsistent
            raise ContractError(
                'two runs with the same seed differ; draw all random numbers from ctx.rng("name")',
                self.line("fit" if is_of_fit else "perturb"),
            )

    @proves("another seed gives other bytes")
    def seed(self) -> None:
        """Run it with another seed."""
        if self.plugin.info.ignores_seed:
            raise SkipTest("it ignores the seed by design")
        if self.refusal(self.whole):
            raise SkipTest("the referee refuses its images")
        if same(self.whole.images, self.run(seed=1).images):
            raise ContractError(
                'seeds 0 and 1 give the same bytes; draw from ctx.rng("name"), or say Info(ignores_seed=True)',
                self.line("perturb", "fit"),
            )

    @proves("perturb depends on nothing but what fit learned, the batch and the seed")
    def again(self) -> None:
        """Protect again with the fitted method, with the global generators in another state."""
        if self.is_inconsistent:
            line = self.trace(self.drawn).culprit
            reason = "draws from a global generator" if line else "gives other images when it is called again"
            raise ContractError(f'perturb {reason}; draw from ctx.rng("name")', line or self.line("perturb"))

    @cached_property
    def is_inconsistent(self) -> bool:
        """Return whether the fitted method gives other images when it protects the set again."""
        done = self.whole
        with self.at_work():
            again = self.perturb(done.method, self.photographs(), seeded=False)
        return not same(done.images, again)

    @proves("an image is protected alike in batches of any size")
    def batches(self) -> None:
        """Protect the set in smaller batches, as on a machine with less memory."""
        if self.is_inconsistent:
            raise SkipTest("perturb gives other images when it is called again")
        if self.refusal(self.whole):
            raise SkipTest("the referee refuses its images")
        with self.at_work():
            small = torch.cat(self.perturb(self.whole.method, self.photographs(), size=SMALL))
        apart = (small - torch.cat(self.whole.images)).abs().amax()
        if float(apart) > ROUNDING:
            raise ContractError(
                f"the same image differs by {255 * float(apart):.3g}/255 in batches of {BATCH} and of {SMALL}; draw "
                "random numbers in fit for every image of the set, and let no image of a batch change another",
                self.line("perturb"),
            )

    @proves("load(state()) protects as fit does")
    def state(self) -> None:
        """Write the state to bytes, read it back, and protect with it."""
        if self.plugin.state is Method.state:
            raise SkipTest("it has no state")
        done = self.whole
        state = done.method.state()
        if not state:
            raise SkipTest("it learned nothing")
        if self.is_inconsistent:
            raise SkipTest("perturb gives other images when it is called again")
        stored = load(save({name: tensor.contiguous() for name, tensor in state.items()}))
        try:
            again = self.run(state=stored)
        except (Exception, SystemExit) as error:
            failure = self.error(error)
            raise ContractError(f"a method that loaded the state fails: {failure.reason}", failure.line) from error
        if not same(done.images, again.images):
            raise ContractError(
                "a method that loaded the state gives other images; state must return everything that fit learned",
                self.line("load", "state"),
            )

    @proves("a killed run resumes to the same bytes")
    def resume(self) -> None:
        """Resume after the first checkpoint, and after the last one."""
        done = self.whole
        if not done.saved:
            raise SkipTest("it saves no checkpoint")
        if not self.is_repeatable:
            raise SkipTest("two runs with the same seed differ")
        for number in kills(done.saved):
            if not same(done.images, self.run(resume_from=done.saved[:number]).images):
                raise ContractError(
                    f"a run that is killed after checkpoint {number} of {len(done.saved)} and resumes ends with other "
                    "bytes; save everything that the next epoch depends on, and begin after the step that restore "
                    "returns",
                    self.line("perturb", "fit"),
                )

    @proves("identities may come in any order and number of images")
    def labels(self) -> None:
        """Protect a set with renumbered identities in random order, without some of the images."""
        self.skip_unless_it_runs()
        data = shuffled(people(self.size))
        if reason := self.obstacle(data.size, data.info.train_counts):
            raise SkipTest(reason)
        if self.refusal(self.whole):
            raise SkipTest("the referee refuses its images")
        if error := self.refusal(self.run(data=data)):
            raise self.refused(error) from error

    def refusal(self, done: Protection) -> CellError | None:
        """Return the referee's objection to the images of a protection, if there is one."""
        try:
            for images, clean in zip(done.images, done.clean, strict=True):
                referee.check(self.plugin.name, images, clean, done.budget)
        except CellError as error:
            return error
        return None
