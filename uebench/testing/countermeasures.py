"""The checks of countermeasures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn

from uebench import networks
from uebench.data.dataset import Dataset
from uebench.errors import counted
from uebench.evaluation import referee
from uebench.evaluation.context import seed_everything
from uebench.norms import TOLERANCE
from uebench.plugins.base import BEFORE_TRAINING, PLACES, Countermeasure, Training
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite
from uebench.testing.context import MemoryContext, Saved
from uebench.testing.runs import kills, same
from uebench.testing.samples import people
from uebench.training.loop import on_set, supervised

CPU = torch.device("cpu")
NETWORK = "test_resnet"
"""A small network that timm provides for tests."""
TRAINING = Training(epochs=2, batch=8)


@dataclass(frozen=True)
class Action:
    """A finished call of a countermeasure.

    Attributes:
        returned: The return values of the hook.
        given: Tensors with the shapes that the return values should have.
        changes_model: Whether ``on_step`` changed the model.
        shaped: If the countermeasure replaces the gradient, the return values of ``gradient``, and then the gradient
            of each weight.
    """

    returned: tuple[Any, ...]
    given: tuple[Tensor, ...]
    changes_model: bool
    shaped: tuple[Any, ...] = ()


class CountermeasureSuite(Suite[Countermeasure[Any], Action]):
    """The checks of a countermeasure; ``run`` calls the hook of its place."""

    kind = "countermeasure"

    @property
    def hooks(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the hook of its place."""
        return (f"on_{self.plugin.place}",)

    def run(self, *, size: int = 0, data: Dataset | None = None) -> Action:
        """Call the hook of its place, and ``gradient`` if it replaces the gradient."""
        if self.plugin.place not in PLACES:
            raise SkipTest("it has no place")
        data = data or people(size or self.size)
        train = referee.image_set(data.train, data.num_classes, CPU)
        batch = train.batch(torch.arange(len(train)))
        targets = torch.eye(data.num_classes)[batch.labels]
        torch.manual_seed(0)
        model = networks.classifier(NETWORK, data.num_classes, data.size).train()
        before = _state(model)
        with self.at_work():
            self.watch_generators()
            rng = torch.Generator().manual_seed(0)
            measure = self.build()
            returned: Any
            match measure.place:
                case "scope":
                    given: tuple[Tensor, ...] = (train.labels,)
                    self.give(labels=train.labels)
                    returned = measure.on_scope(train.labels, data.num_classes, rng)
                case "set":
                    given = (train.images,)
                    self.give(**{"train.images": train.images, "train.labels": train.labels})
                    returned = measure.on_set(train, rng)
                case "batch":
                    given = (batch.images, targets)
                    self.give(images=batch.images, targets=targets)
                    returned = measure.on_batch(batch.images, targets, rng)
                case "step":
                    given = (batch.images,)
                    self.give(images=batch.images, targets=targets)
                    returned = measure.on_step(batch.images, targets, model, rng)
                case _:
                    given = (train.labels,)
                    self.give(labels=train.labels)
                    returned = measure.on_epoch(train.labels, rng)
            changes_model = not same(before, _state(model))
            shaped: tuple[Any, ...] = ()
            if measure.replaces_gradient():
                loss_and_logits = _as_tuple(measure.gradient(batch.images, targets, model, rng))
                shaped = (*loss_and_logits, *(weight.grad for weight in model.parameters()))
            return Action(_as_tuple(returned), given, changes_model, shaped)

    def result(self, done: Action) -> object:
        """Return the return values of the hook, and the gradient."""
        return done.returned, done.shaped

    @proves("it acts in the place that it declares, and nowhere else")
    def place(self) -> None:
        """Compare the hooks that it overrides with its place."""
        place, hooks = self.plugin.place, self.plugin.hooks()
        if place not in PLACES:
            reason = f"place {place!r} is unknown; use one of {', '.join(PLACES)}"
            raise ContractError(reason, self.line("place"))
        if hooks != (place,):
            others = [f"on_{hook}" for hook in hooks if hook != place]
            reason = f"overrides {' and '.join(others)}" if others else f"does not override on_{place}"
            remedy = f"override on_{place} and no other hook"
            raise ContractError(f"its place is {place!r}, and it {reason}; {remedy}", self.line("place", *others))

    @proves("it returns what its place asks for")
    def form(self) -> None:
        """Check the number, shapes and dtypes of the return values."""
        done, place = self.whole, self.plugin.place
        dtype = {"scope": torch.bool, "set": torch.uint8, "epoch": torch.bool}.get(place, torch.float32)
        count = 2 if place in ("batch", "epoch") else 1
        if len(done.returned) != count:
            expected = {"batch": "images and targets", "epoch": "the images to hold back, and the patience"}
            number = counted(len(done.returned), "value")
            raise self.returns(f"on_{place} returned {number}; return {expected.get(place, 'one tensor')}")
        if place == "epoch" and type(done.returned[1]) is not int:
            raise self.returns(f"on_epoch returned a patience of {done.returned[1]!r}; return a whole number")
        for value, like in zip(done.returned, done.given, strict=False):
            if not isinstance(value, Tensor) or value.shape != like.shape or value.dtype != dtype:
                got = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
                raise self.returns(f"on_{place} returned {got}; return {dtype} {tuple(like.shape)}")
        if done.shaped:
            self.check_gradient(done.shaped)

    def check_gradient(self, shaped: tuple[Any, ...]) -> None:
        """Check the return values of ``gradient``, and that each weight has a finite gradient.

        Args:
            shaped: See ``Action``.
        """
        loss, logits, *gradients = shaped
        if not all(isinstance(value, Tensor) and not value.requires_grad for value in (loss, logits)) or loss.ndim:
            raise ContractError("gradient must return the mean loss and the logits, detached", self.line("gradient"))
        if any(gradient is None or not gradient.isfinite().all() for gradient in gradients):
            reason = "gradient leaves a weight without a finite gradient; write into the grad of every trained weight"
            raise ContractError(reason, self.line("gradient"))

    @proves("pixels are in [0, 1], and targets sum to one")
    def range(self) -> None:
        """Check the smallest and the largest pixel, and the sums of the targets."""
        done, place = self.whole, self.plugin.place
        if place not in ("batch", "step"):
            raise SkipTest("it returns no float images")
        self.require_form()
        images = done.returned[0]
        low, high = float(images.min()), float(images.max())
        if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
            raise self.returns(f"on_{place} returned pixels in [{low:.3g}, {high:.3g}]; clamp them to [0, 1]")
        if place == "batch" and not torch.allclose(done.returned[1].sum(1), torch.ones(len(images)), atol=1e-4):
            raise self.returns("on_batch returned targets whose rows do not sum to one; normalise them")

    @proves("the same generator gives the same bytes")
    def repeats(self) -> None:
        """Call it again, with the global generators in another state."""
        if not self.is_repeatable:
            line = self.trace(self.drawn).culprit
            reason = "two calls with the same generator differ; draw all random numbers from rng"
            raise ContractError(reason, line or self.line(*self.hooks))

    @proves("it leaves the model unchanged")
    def model(self) -> None:
        """Compare weights, gradients, running statistics and modes."""
        if self.plugin.place != "step":
            raise SkipTest("it is given no model")
        if self.whole.changes_model:
            reason = "on_step changes the model: its weights, gradients, running statistics or mode"
            raise ContractError(
                f"{reason}; uebench.networks.trainable(model, False) restores them", self.line("on_step")
            )

    @proves("a killed training with it resumes to the same weights")
    def resume(self) -> None:
        """Train a small network with it, and resume after the first and after the last checkpoint."""
        if not self.is_repeatable:
            raise SkipTest("two calls with the same generator differ")
        self.require_form()
        self.require_range()
        whole = self.train()
        for number in kills(whole):
            resumed = self.train(whole[:number])
            last = resumed[-1].state if resumed else whole[-1].state
            if not all(same(tensor, last[name]) for name, tensor in whole[-1].state.items()):
                reason = "a killed training that resumes ends with other weights; keep nothing from call to call"
                raise ContractError(reason, self.line(*self.hooks))

    def require_form(self) -> None:
        """Skip a check that needs correct return values, if they are not.

        Raises:
            SkipTest: If the check ``form`` fails.
        """
        try:
            self.form()
        except ContractError:
            raise SkipTest("it does not return what its place asks for") from None

    def require_range(self) -> None:
        """Skip a check that trains with it, if the training would refuse what it returns.

        Raises:
            SkipTest: If the check ``range`` fails.
        """
        try:
            self.range()
        except ContractError:
            raise SkipTest("a training would refuse what it returns") from None
        except SkipTest:
            return  # what it returns has no range

    def train(self, resume_from: Sequence[Saved] = ()) -> list[Saved]:
        """Train a small network with it and return the checkpoints.

        Args:
            resume_from: The checkpoints of a killed training.
        """
        data = people(self.size)
        train = referee.image_set(data.train, data.num_classes, CPU)
        with self.at_work():
            ctx = MemoryContext(0, resume_from)
            measure = self.build()
            in_training = () if measure.place in BEFORE_TRAINING else (measure,)
            if measure.place == "scope":
                referee.spared((measure,), data, ctx)
            changed = on_set(train, (measure,), ctx)
            seed_everything(ctx)
            model = networks.classifier(NETWORK, data.num_classes, data.size)
            supervised(model, changed, TRAINING, in_training, ctx)
        return ctx.saved


def _as_tuple(returned: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return returned if isinstance(returned, tuple) else (returned,)


def _state(model: nn.Module) -> list[object]:
    parameters = list(model.parameters())
    gradients = [None if parameter.grad is None else parameter.grad.clone() for parameter in parameters]
    weights = [tensor.clone() for tensor in model.state_dict().values()]
    modes = [module.training for module in model.modules()]
    return [weights, gradients, modes, [parameter.requires_grad for parameter in parameters]]
