"""What every countermeasure owes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn

from uebench import networks
from uebench.data.dataset import Dataset
from uebench.evaluation import referee
from uebench.evaluation.seeding import seed_everything
from uebench.plugins.base import BEFORE_TRAINING, PLACES, Countermeasure, Training
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite, kills, people, same
from uebench.testing.context import MemoryContext, Saved
from uebench.training.loop import on_set, supervised

CPU = torch.device("cpu")
NETWORK = "test_resnet"
"""A network of timm's that is there for tests."""
TRAINING = Training(epochs=2, batch=8)


@dataclass(frozen=True)
class Action:
    """What a countermeasure did.

    Attributes:
        returned: What its hook returned, as a tuple.
        given: Tensors that have the shapes of those that it should return.
        changes_model: Whether the model that ``on_step`` was given is another one afterwards.
        shaped: If it replaces the gradient: what ``gradient`` returned, and then the gradient of each weight.
    """

    returned: tuple[Any, ...]
    given: tuple[Tensor, ...]
    changes_model: bool
    shaped: tuple[Any, ...] = ()


class CountermeasureSuite(Suite[Countermeasure[Any], Action]):
    """The checks of a countermeasure."""

    kind = "countermeasure"

    @property
    def hooks(self) -> tuple[str, ...]:  # type: ignore[override]
        """Return the hook of its place."""
        return (f"on_{self.plugin.place}",)

    def run(self, *, size: int = 0, data: Dataset | None = None) -> Action:
        """Call the hook of its place."""
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
                found: Any = measure.gradient(batch.images, targets, model, rng)
                shaped = (*(found if isinstance(found, tuple) else (found,)), *(one.grad for one in model.parameters()))
            return Action(returned if isinstance(returned, tuple) else (returned,), given, changes_model, shaped)

    def result(self, done: Action) -> object:
        """Return what the hook returned, and the gradient."""
        return done.returned, done.shaped

    @proves("it acts in the place that it declares, and nowhere else")
    def place(self) -> None:
        """Compare the hooks that it overrides with its place."""
        place, hooks = self.plugin.place, self.plugin.hooks()
        if place not in PLACES:
            reason = f"place {place!r} is none; it must be one of {', '.join(PLACES)}"
            raise ContractError(reason, self.line("place"))
        if hooks != (place,):
            others = [f"on_{one}" for one in hooks if one != place]
            reason = f"overrides {' and '.join(others)}" if others else f"does not override on_{place}"
            raise ContractError(f"its place is {place!r}, and it {reason}", self.line("place", *others))

    @proves("it returns what its place asks for")
    def form(self) -> None:
        """Look at shapes and dtypes."""
        done, place = self.whole, self.plugin.place
        dtype = {"scope": torch.bool, "set": torch.uint8, "epoch": torch.bool}.get(place, torch.float32)
        count = 2 if place in ("batch", "epoch") else 1
        if len(done.returned) != count:
            what = {"batch": "images and targets", "epoch": "the images that are held back, and the patience"}.get(
                place
            )
            got = f"on_{place} returned {len(done.returned)} values"
            raise self.returns(f"{got}; return {what or 'one tensor'}")
        if place == "epoch" and type(done.returned[1]) is not int:
            raise self.returns(f"on_epoch returned a patience of {done.returned[1]!r}; return a whole number")
        for found, like in zip(done.returned, done.given, strict=False):
            if not isinstance(found, Tensor) or found.shape != like.shape or found.dtype != dtype:
                got = f"{tuple(found.shape)} {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
                raise self.returns(f"on_{place} returned {got}; return {dtype} {tuple(like.shape)}")
        if done.shaped:
            self.check_gradient(done.shaped)

    def check_gradient(self, shaped: tuple[Any, ...]) -> None:
        """Look at what ``gradient`` returned, and whether each weight has a gradient."""
        loss, logits, *gradients = shaped
        if not all(isinstance(one, Tensor) and not one.requires_grad for one in (loss, logits)) or loss.ndim:
            raise ContractError("gradient must return the mean loss and the logits, detached", self.line("gradient"))
        if any(one is None or not one.isfinite().all() for one in gradients):
            reason = "gradient leaves a weight without a finite gradient; write into the grad of every trained weight"
            raise ContractError(reason, self.line("gradient"))

    @proves("pixels are in [0, 1], and targets sum to one")
    def range(self) -> None:
        """Look at the smallest and the largest."""
        done, place = self.whole, self.plugin.place
        if place not in ("batch", "step"):
            raise SkipTest("it returns no float images")
        self.require_form()
        images = done.returned[0]
        low, high = float(images.min()), float(images.max())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise self.returns(f"on_{place} returned pixels in [{low:.3g}, {high:.3g}]; clamp them to [0, 1]")
        if place == "batch" and not torch.allclose(done.returned[1].sum(1), torch.ones(len(images)), atol=1e-4):
            raise self.returns("on_batch returned targets whose rows do not sum to one")

    @proves("the same generator gives the same bytes")
    def repeats(self) -> None:
        """Run it again, with the global generators in another state."""
        if not self.is_repeatable:
            line = self.trace(self.drawn).culprit
            reason = "two calls with the same generator differ; draw all random numbers from rng"
            raise ContractError(reason, line or self.line(*self.hooks))

    @proves("it leaves the model as it is")
    def model(self) -> None:
        """Compare weights, gradients and mode."""
        if self.plugin.place != "step":
            raise SkipTest("it is given no model")
        if self.whole.changes_model:
            reason = "on_step changes the model: its weights, gradients, running statistics or mode"
            raise ContractError(
                f"{reason}; uebench.networks.trainable(model, False) puts them back", self.line("on_step")
            )

    @proves("a killed training with it resumes to the same weights")
    def resume(self) -> None:
        """Train a small network with it."""
        if not self.is_repeatable:
            raise SkipTest("two calls with the same generator differ")
        self.require_form()
        whole = self.train()
        for number in kills(whole):
            resumed = self.train(whole[:number])
            last = resumed[-1].state if resumed else whole[-1].state
            if not all(same(tensor, last[name]) for name, tensor in whole[-1].state.items()):
                reason = "a killed training that resumes ends with other weights; keep nothing from call to call"
                raise ContractError(reason, self.line(*self.hooks))

    def require_form(self) -> None:
        """Skip a check that needs what the hook should return."""
        try:
            self.form()
        except ContractError:
            raise SkipTest("it does not return what its place asks for") from None

    def train(self, resume_from: Sequence[Saved] = ()) -> list[Saved]:
        """Return the checkpoints of a training with it."""
        data = people(self.size)
        train = referee.image_set(data.train, data.num_classes, CPU)
        with self.at_work():
            ctx = MemoryContext(0, resume_from)
            measure = self.build()
            left = () if measure.place in BEFORE_TRAINING else (measure,)
            if measure.place == "scope":
                referee.spared((measure,), data, ctx)
            changed = on_set(train, (measure,), ctx)
            seed_everything(ctx)
            model = networks.classifier(NETWORK, data.num_classes, data.size)
            supervised(model, changed, TRAINING, left, ctx)
        return ctx.saved


def _state(model: nn.Module) -> list[object]:
    gradients = [None if one.grad is None else one.grad.clone() for one in model.parameters()]
    weights = [tensor.clone() for tensor in model.state_dict().values()]
    modes = [module.training for module in model.modules()]
    return [weights, gradients, modes, [one.requires_grad for one in model.parameters()]]
