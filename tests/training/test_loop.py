from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.attackers.measures import Measure
from tests.conftest import NewContext
from uebench.errors import CellError
from uebench.evaluation.context import RunContext
from uebench.networks import FaceClassifier, classifier
from uebench.ops import draw_seed
from uebench.plugins.base import Config, ImageSet, Training
from uebench.training.checkpoints import pack, unpack
from uebench.training.loop import on_set, supervised
from uebench.training.optimizers import learning_rate, make_optimizer


def two_colours(n: int = 12) -> ImageSet:
    labels = torch.arange(n) % 2
    images = torch.randint(0, 80, (n, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[labels == 1] += 150
    return ImageSet(images, labels, 2)


def fresh() -> FaceClassifier:
    torch.manual_seed(0)
    return classifier("test_resnet", 2, 32)


OPTIONS = Training(lr=1e-3, batch=4, epochs=3)


def weights_of(model: object) -> list[Tensor]:
    assert isinstance(model, torch.nn.Module)
    return [t.clone() for t in model.state_dict().values()]


def test_it_learns_and_says_how_it_went(ctx: RunContext) -> None:
    trained = supervised(fresh(), two_colours(), Training(lr=1e-3, batch=4, epochs=12), (), ctx)
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]
    assert trained.curve[-1]["train_correct"] == 12
    assert (trained.steps, trained.images, trained.stopped) == (36, 144, "epochs")


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    runs = []
    for seed in (0, 0, 1):
        ctx = RunContext(torch.device("cpu"), seed)
        runs.append(weights_of(supervised(fresh(), two_colours(), OPTIONS, (), ctx).classifier))
    assert all(torch.equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(runs[0], runs[2], strict=True))


class KilledError(Exception):
    """Stands for a kill at an epoch's end."""


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_killed_training_ends_with_the_same_weights(
    optimizer: str, new_context: NewContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uebench.evaluation.checkpoints.SHARE", math.inf)
    options = Training(lr=1e-3, batch=4, epochs=4, optimizer=optimizer, schedule="cosine")
    whole = supervised(fresh(), two_colours(), options, (), RunContext(torch.device("cpu"), 0))

    def context(stop: int) -> RunContext:
        def progress(done: int, total: int, text: str) -> None:
            if done == stop:
                raise KilledError

        return new_context(progress=progress)

    for stop in (1, 3):
        with pytest.raises(KilledError):
            supervised(fresh(), two_colours(), options, (), context(stop))
    resumed = supervised(fresh(), two_colours(), options, (), context(99))
    assert all(
        torch.equal(a, b) for a, b in zip(weights_of(whole.classifier), weights_of(resumed.classifier), strict=True)
    )
    assert [e["loss"] for e in whole.curve] == [e["loss"] for e in resumed.curve]


def test_a_training_that_had_stopped_by_its_rule_does_not_go_on(new_context: NewContext) -> None:
    options = Training(lr=1e-3, batch=4, epochs=4, stop_loss=1e9)
    for _ in range(2):
        trained = supervised(fresh(), two_colours(), options, (), new_context())
        assert len(trained.curve) == 1
        assert trained.stopped == "loss below 1e+09"


def test_a_last_batch_of_one_image_is_left_out_and_not_counted(ctx: RunContext) -> None:
    trained = supervised(fresh(), two_colours(13), OPTIONS, (), ctx)
    assert (trained.steps, trained.images) == (3 * 3, 3 * 12)


def test_the_loss_is_the_mean_over_the_images_that_were_trained_on(ctx: RunContext) -> None:
    still = Training(lr=1e-30, batch=4, epochs=1, optimizer="sgd")
    thirteen = supervised(fresh(), two_colours(13), still, (), ctx).curve[0]
    order = torch.randperm(13, generator=_after_the_seed(ctx.rng("epoch", 0)))[:12]
    model = fresh().train()
    seen = two_colours(13).batches(4, order=order)
    losses = [torch.nn.functional.cross_entropy(model(batch.images), batch.labels).item() for batch in seen]
    assert thirteen["loss"] == pytest.approx(sum(losses) / 3, rel=1e-5)


def _after_the_seed(rng: torch.Generator) -> torch.Generator:
    draw_seed(rng)
    return rng


@pytest.mark.parametrize("images", [0, 1])
def test_fewer_than_two_images_are_refused(images: int, ctx: RunContext) -> None:
    with pytest.raises(CellError, match=f"{images} training images; training needs at least 2"):
        supervised(fresh(), two_colours(images), OPTIONS, (), ctx)


def test_two_trainings_with_a_stage_each_resume_from_their_own_checkpoints(new_context: NewContext) -> None:
    def train(ctx: RunContext) -> list[list[Tensor]]:
        one = supervised(fresh(), two_colours(), OPTIONS, (), ctx.stage("first"))
        two = supervised(fresh(), two_colours(8), OPTIONS, (), ctx.stage("second"))
        return [weights_of(one.classifier), weights_of(two.classifier)]

    whole, resumed = train(new_context()), train(new_context())
    for before, after in zip(whole, resumed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_checkpoint_of_another_training_is_refused_with_a_remedy(new_context: NewContext) -> None:
    new_context().save({"weights": torch.zeros(1)}, 1)
    with pytest.raises(CellError, match=r"belongs to another training; give each training its own stage: ctx\.stage"):
        supervised(fresh(), two_colours(), OPTIONS, (), new_context())


def test_divergence_is_said(ctx: RunContext) -> None:
    with pytest.raises(CellError, match=r"diverged in epoch 1 .*lower lr"):
        supervised(fresh(), two_colours(), Training(lr=1e30, batch=4, epochs=1, optimizer="sgd"), (), ctx)


def test_the_set_is_not_touched(ctx: RunContext) -> None:
    train = two_colours()
    before = train.images.clone()
    supervised(fresh(), train, OPTIONS, (), ctx)
    assert torch.equal(train.images, before)


def test_countermeasures_act_in_order_on_batch_and_step(ctx: RunContext) -> None:
    calls: list[str] = []

    class Spy(Measure):
        place = "step"
        tag = ""

        def on_batch(self, images: Tensor, targets: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
            calls.append(f"batch {self.tag}")
            assert torch.equal(targets.sum(1), torch.ones(len(images)))
            return images, targets

        def on_step(self, images: Tensor, targets: Tensor, model: object, rng: torch.Generator) -> Tensor:
            calls.append(f"step {self.tag}")
            return images

    class Second(Spy):
        tag = "2"

    supervised(fresh(), two_colours(4), Training(batch=4, epochs=1), (Spy(Config()), Second(Config())), ctx)
    assert calls == ["batch ", "batch 2", "step ", "step 2"]


def test_on_set_applies_the_chain_in_order_with_a_random_stream_for_each_position(ctx: RunContext) -> None:
    class Drawing(Measure):
        place = "set"

        def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
            return (train.images * 2 + torch.randint(9, (), generator=rng)).to(torch.uint8)

    train = ImageSet(torch.ones(1, 3, 2, 2, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), 1)
    first, second = (int(torch.randint(9, (), generator=ctx.rng("set", number))) for number in (0, 1))
    got = on_set(train, (Drawing(Config()), Drawing(Config())), ctx)
    assert (got.images == (2 + first) * 2 + second).all()
    assert (train.images == 1).all()


def test_on_set_refuses_what_is_no_set_of_images(ctx: RunContext) -> None:
    class Wrong(Measure):
        name = "wrong"
        place = "set"

        def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
            return train.images.float()

    with pytest.raises(CellError, match=r"'wrong': on_set returned .* torch.float32; return uint8 of the same shape"):
        on_set(two_colours(), (Wrong(Config()),), ctx)

    class Nothing(Wrong):
        name = "nothing"

        def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
            return None  # type: ignore[return-value]

    with pytest.raises(CellError, match="'nothing': on_set returned None; return the images"):
        on_set(two_colours(), (Nothing(Config()),), ctx)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "oscillating"])
def test_schedules_agree_with_torch(schedule: str) -> None:
    options = Training(lr=0.1, epochs=5, schedule=schedule)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    period = {"constant": 10**9, "cosine": 5 * 7, "oscillating": 5}[schedule]
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, period)
    for step in range(35):
        assert learning_rate(options, step, batches=7) == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-9)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_packing_keeps_model_and_optimiser(optimizer: str) -> None:
    model, options = fresh(), Training(optimizer=optimizer)
    first = make_optimizer(model, options)
    model(torch.rand(2, 3, 32, 32)).sum().backward()
    first.step()
    packed = pack(model, first)
    other = classifier("test_resnet", 2, 32)
    second = make_optimizer(other, options)
    unpack(packed, other, second)
    again = pack(other, second)
    assert packed.keys() == again.keys()
    assert all(torch.equal(packed[name], again[name]) for name in packed)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "oscillating", "warm_cosine"])
def test_every_step_has_the_rate_of_the_schedule(
    schedule: str, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam) -> None:
        rates.append(self.param_groups[0]["lr"])
        step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    options = Training(lr=1e-3, batch=4, epochs=3, schedule=schedule)
    supervised(fresh(), two_colours(), options, (), ctx)
    assert rates == pytest.approx([learning_rate(options, number, 3) for number in range(9)])


def test_an_optimiser_is_of_the_kind_and_has_the_options_that_are_asked_for() -> None:
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    for name, kind in kinds.items():
        made = make_optimizer(fresh(), Training(optimizer=name, lr=0.3, weight_decay=0.02))
        assert type(made) is kind
        assert (made.param_groups[0]["lr"], made.param_groups[0]["weight_decay"]) == (0.3, 0.02)
        assert made.param_groups[0].get("momentum") == (0.9 if name == "sgd" else None)


class Breaks(Measure):
    name = "rogue"
    place = "step"
    broken: Callable[[Tensor], Tensor]

    def on_step(self, images: Tensor, targets: Tensor, model: torch.nn.Module, rng: torch.Generator) -> Tensor:
        return self.broken(images)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda images: images * 255, r"countermeasure 'rogue': made pixels in \[0, \d+\]; keep them in \[0, 1\]"),
        (lambda images: images / 0 * 0, "made pixels in"),
        (lambda images: images[..., :20], r"made \(4, 3, 32, 20\) and 4 targets of a batch \(4, 3, 32, 32\)"),
        (lambda images: torch.cat([images, images]), r"made \(8, 3, 32, 32\) and 4 targets"),
        (lambda _: None, "countermeasure 'rogue': returned NoneType; on_batch returns images and targets"),
    ],
)
def test_a_batch_that_a_countermeasure_breaks_is_refused(
    broken: Callable[[Tensor], Tensor], message: str, ctx: RunContext
) -> None:
    measure = Breaks(Config())
    measure.broken = broken
    with pytest.raises(CellError, match=message):
        supervised(fresh(), two_colours(), OPTIONS, (measure,), ctx)


def test_a_countermeasure_on_the_set_cannot_change_its_labels(ctx: RunContext) -> None:
    class Relabels(Measure):
        place = "set"

        def on_set(self, train: ImageSet, rng: torch.Generator) -> Tensor:
            train.labels.zero_()
            return train.images

    train = two_colours()
    assert torch.equal(on_set(train, (Relabels(Config()),), ctx).labels, two_colours().labels)
