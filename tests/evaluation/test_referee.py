from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.attackers.measures import Measure
from uebench.data.dataset import load
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.metrics import audit
from uebench.plugins.base import Batch, Budget, Config, Context, ImageSet, Info, Method
from uebench.plugins.registry import Registry
from uebench.store import answers

CLEAN = torch.full((2, 3, 4, 4), 0.5)
BALL = Budget("linf", 8 / 255)


@pytest.mark.parametrize("frozen_part", [False, True])
def test_a_network_in_train_mode_is_not_examined(frozen_part: bool) -> None:
    dataset = load("synthetic(identities=3, train=6, test=4)", 32, Registry(), None)
    examiner = referee.Examiner(dataset, torch.device("cpu"))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 3))
    network.eval()
    assert answers.decode(examiner(network), 12)
    (network[1] if frozen_part else network).train()
    with pytest.raises(CellError, match=r"is in train mode, .*; call eval\(\) before ctx.examine"):
        examiner(network)


def refused(images: object, budget: Budget = BALL) -> str:
    with pytest.raises(CellError) as caught:
        referee.check("rogue", images, CLEAN, budget)
    assert "\n" not in str(caught.value)
    assert "'rogue'" in str(caught.value)
    return str(caught.value)


def test_what_breaks_the_rules_is_refused_with_a_remedy() -> None:
    assert "(2, 3, 4, 2), not images of shape (2, 3, 4, 4)" in refused(CLEAN[..., :2])
    assert "returned list" in refused([1])
    assert "NaN or infinity" in refused(CLEAN / 0 * 0)
    assert "return float images" in refused((CLEAN * 255).to(torch.uint8))
    assert "images on meta, and was given them on cpu; use .to(batch.images.device)" in refused(CLEAN.to("meta"))
    assert "layout torch.sparse_coo; return .to_dense() of the" in refused(CLEAN.to_sparse())
    assert "linf 9/255, allowed 8/255; project" in refused(CLEAN + 9 / 255)
    assert "clamp them to [0, 1]" in refused(CLEAN * 3)
    assert "l2" in refused(CLEAN + 8 / 255, Budget("l2", 0.1))


def test_a_gradient_of_the_images_is_left_behind() -> None:
    images = (CLEAN + 8 / 255).requires_grad_()
    assert not referee.check("fair", images, CLEAN, BALL).requires_grad


def test_the_edge_of_the_budget_is_allowed() -> None:
    referee.check("fair", CLEAN + 8 / 255, CLEAN, BALL)
    referee.check("fair", torch.zeros_like(CLEAN), CLEAN, Budget("none", 0))


class Meddler(Method[Config]):
    name = "meddler"
    version = 1
    info = Info(title="writes into what it is given")
    Config = Config

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        return batch.images.fill_(1.0)


ANYTHING = Budget("none", 0.0)


def test_a_method_that_writes_into_its_input_gains_nothing(ctx: RunContext) -> None:
    clean = ImageSet(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), 2)
    with pytest.raises(CellError, match="exceeds its budget"):
        referee.protect(Meddler(Config()), clean, BALL, ctx)
    assert not clean.images.any()


def test_changes_above_127_levels_are_kept_whole(ctx: RunContext) -> None:
    class Inverter(Meddler):
        name = "inverter"

        def perturb(self, batch: Batch, ctx: Context) -> Tensor:
            return 1 - batch.images

    clean = ImageSet(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), 2)
    delta = referee.protect(Inverter(Config()), clean, ANYTHING, ctx)
    assert delta.dtype == np.int16
    assert (delta == 255).all()


def test_large_images_are_protected_in_small_batches_and_come_out_the_same(ctx: RunContext) -> None:
    class Shifter(Meddler):
        name = "shifter"
        seen: ClassVar[list[int]] = []

        def perturb(self, batch: Batch, ctx: Context) -> Tensor:
            self.seen.append(len(batch.index))
            return batch.images + batch.index[:, None, None, None] / 255

    clean = ImageSet(torch.zeros(7, 3, 224, 224, dtype=torch.uint8), torch.zeros(7, dtype=torch.int64), 1)
    delta = referee.protect(Shifter(Config()), clean, ANYTHING, ctx)
    assert Shifter.seen == [5, 2]
    assert (delta == np.arange(7)[:, None, None, None]).all()
    assert [referee.batch_size(pixels, ctx.device) for pixels in (32, 64, 65, 2048)] == [64, 64, 62, 1]
    assert referee.batch_size(224, torch.device("cuda")) == 64


class Vandal(Meddler):
    """Blackens what ``fit`` gave it, at once or later, and returns black images without a label."""

    name = "vandal"

    def __init__(self, when: str) -> None:
        super().__init__(Config())
        self.when = when

    def fit(self, train: ImageSet, ctx: Context) -> None:
        self.train = train
        self.blacken("fit")

    def perturb(self, batch: Batch, ctx: Context) -> Tensor:
        self.blacken("perturb")
        batch.labels.zero_()
        batch.index.zero_()
        return batch.images.zero_()

    def blacken(self, now: str) -> None:
        if now == self.when:
            self.train.images.zero_()
            self.train.labels.zero_()


@pytest.mark.parametrize("when", ["fit", "perturb"])
def test_a_method_that_blackens_the_set_is_compared_with_the_clean_one(
    when: str, ctx: RunContext, registry: Registry
) -> None:
    data = load("synthetic(identities=3, train=30)", 32, registry)
    images, labels = data.train.images.copy(), data.train.labels.copy()
    clean = referee.image_set(data.train, 3, ctx.device)
    method = Vandal(when)
    referee.fit(method, clean, ctx)
    delta = referee.protect(method, clean, ANYTHING, ctx)
    assert audit(delta)["max_levels"] == images.max()
    assert not referee.apply(data, delta).images.any()
    assert np.array_equal(data.train.images, images)
    assert np.array_equal(data.train.labels, labels)
    with pytest.raises(CellError, match="'vandal': exceeds its budget"):
        referee.protect(method, clean, BALL, ctx)


def test_a_set_is_held_to_the_budget_that_was_asked_for_before(ctx: RunContext) -> None:
    class Fickle(Meddler):
        def budget(self, size: int) -> Budget:
            raise AssertionError("asked again")

        def perturb(self, batch: Batch, ctx: Context) -> Tensor:
            return batch.images + 2 / 255

    clean = ImageSet(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), 2)
    assert (referee.protect(Fickle(Config()), clean, BALL, ctx) == 2).all()
    with pytest.raises(CellError, match="exceeds its budget"):
        referee.protect(Fickle(Config()), clean, Budget("linf", 1 / 255), ctx)


def test_a_classifier_that_writes_into_its_input_leaves_the_test_set_alone(ctx: RunContext, registry: Registry) -> None:
    data = load("synthetic(identities=3, test=8)", 32, registry)
    before, brightness = data.test.images.copy(), []

    def classifier(images: Tensor) -> Tensor:
        brightness.append(float(images.mean()))
        images.zero_()
        return torch.zeros(len(images), 3)

    examine = referee.Examiner(data, ctx.device)
    assert examine(classifier) == examine(classifier)
    assert answers.decode(examine(classifier), 24) == (0,) * 24
    assert brightness[0] == brightness[1] > 0
    assert np.array_equal(data.test.images, before)


def test_a_countermeasure_that_writes_into_the_labels_changes_nobodys(ctx: RunContext, registry: Registry) -> None:
    class Eraser(Measure):
        place = "scope"

        def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
            first = labels == labels.max()
            labels.zero_()
            return first

    data = load("synthetic(identities=3, train=4)", 32, registry)
    chosen = referee.spared((Eraser(Config()), Eraser(Config())), data, ctx)
    assert (chosen == (data.train.labels == 2)).all()
    assert set(data.train.labels) == {0, 1, 2}


def test_apply_adds_the_change_and_keeps_labels(registry: Registry) -> None:
    data = load("synthetic", 8, registry)
    delta = np.where(data.train.images < 128, 3, -3).astype(np.int8)
    spared = np.arange(len(delta)) % 3 == 0
    protected = referee.apply(data, delta, spared)
    difference = protected.images.astype(int) - data.train.images
    assert (difference[~spared] == delta[~spared]).all()
    assert not difference[spared].any()
    assert protected.labels is data.train.labels


def test_a_change_by_128_levels_keeps_its_sign(ctx: RunContext) -> None:
    class Bright(Meddler):
        def perturb(self, batch: Batch, ctx: Context) -> Tensor:
            return batch.images + 128 / 255

    clean = ImageSet(torch.full((2, 3, 4, 4), 10, dtype=torch.uint8), torch.tensor([0, 1]), 2)
    delta = referee.protect(Bright(Config()), clean, ANYTHING, ctx)
    assert delta.min() == delta.max() == 128


def test_photographs_that_any_countermeasure_spares_are_spared_and_each_draws_for_itself(
    registry: Registry, ctx: RunContext
) -> None:
    class Half(Measure):
        place = "scope"

        def on_scope(self, labels: Tensor, num_classes: int, rng: torch.Generator) -> Tensor:
            return torch.rand(len(labels), generator=rng) < 0.5

    dataset = load("synthetic(identities=4, train=40)", 16, registry)
    half = Half(Config())
    one, both = (referee.spared([half] * count, dataset, ctx) for count in (1, 2))
    assert (both >= one).all()
    assert 0.55 < both.mean() < 0.95
    assert 0.3 < one.mean() < 0.7


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda images: torch.full((len(images), 4), torch.nan), "returned NaN or infinity; its training diverged"),
        (lambda images: torch.zeros(len(images), 5), r"returned \(\d+, 5\) for \d+ images; return logits \(\d+, 4\)"),
        (lambda images: torch.zeros(len(images)), "return logits"),
        (lambda images: [0] * len(images), "returned list for"),
    ],
)
def test_answers_that_are_no_logits_are_refused(
    answer: Callable[[Tensor], Tensor], message: str, registry: Registry
) -> None:
    dataset = load("synthetic(identities=4, train=2)", 16, registry)
    with pytest.raises(CellError, match=message):
        referee.Examiner(dataset, torch.device("cpu"))(answer)
