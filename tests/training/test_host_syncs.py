"""On a GPU the host must not wait for the device in a hot loop: it asks for numbers once an epoch, or once a round.

Counted on the CPU, where asking for a number is the same operation; but Adam's count of its steps, which is there too,
would be counted as if it were on the device, so that networks are trained with SGD here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from uebench.evaluation.context import RunContext
from uebench.metrics.accuracy import predict
from uebench.networks import classifier
from uebench.ops import Noise
from uebench.plugins.base import ImageSet, Training
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.training.loop import supervised

ASKING = frozenset({"aten::_local_scalar_dense", "aten::nonzero", "aten::equal"})
"""What makes the host wait: ``float(x)``, ``x.item()``, ``bool(x)``; indexing with a mask; ``torch.equal``."""


def waits(work: Callable[[], object], asking: frozenset[str] = ASKING) -> int:
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        work()
    return sum(event.count for event in seen.key_averages() if event.key in asking)


def faces(count: int) -> ImageSet:
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ImageSet(images, torch.arange(count) % 2, 2)


def training(batches: int) -> Callable[[], object]:
    options = Training(epochs=2, batch=4, flip=True, crop=2, optimizer="sgd")
    model = classifier("test_resnet", 2, 32)
    return lambda: supervised(model, faces(4 * batches), options, (), RunContext(torch.device("cpu"), 0))


def optimising(method: str) -> Callable[[int], Callable[[], object]]:
    def of(batches: int) -> Callable[[], object]:
        plugin: Any = Registry().build("method", parse(method), "smoke")
        return lambda: plugin.fit(faces(4 * batches), RunContext(torch.device("cpu"), 0))

    return of


def test_the_noise_of_identities_is_improved_without_looking_for_those_in_a_batch() -> None:
    noise, owners = Noise.zeros(3, 4, 0.1, torch.device("cpu")), torch.tensor([2, 0, 2])
    asking = ASKING | {"aten::_unique2", "aten::bincount"}
    assert waits(lambda: torch.unique(owners), asking) == 1
    assert waits(lambda: noise.set_means(owners, torch.rand(3, 3, 4, 4)), asking) == 0


def test_a_classifier_is_asked_about_all_test_images_before_the_host_waits() -> None:
    class Counting(torch.Tensor):
        copies = 0

        def cpu(self, *args: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
            Counting.copies += 1
            return super().cpu(*args, **options)

    def classify(images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(images), 2).as_subclass(Counting)

    assert len(predict(classify, faces(12), batch=4)) == 12
    assert Counting.copies == 1


def test_asking_is_counted() -> None:
    assert waits(lambda: float(torch.ones(3).sum())) == 1
    assert waits(lambda: torch.ones(3)[torch.ones(3) > 0]) == 1
    assert waits(lambda: torch.ones(3) + 1) == 0


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(training, id="supervised"),
        pytest.param(optimising("ue(batch=4, rounds=2, train_steps=0, steps=2, stop_error=0)"), id="ue"),
        pytest.param(optimising("tue(batch=4, rounds=2, steps=2)"), id="tue"),
    ],
)
def test_the_host_waits_as_often_for_many_batches_as_for_few(work: Callable[[int], Callable[[], object]]) -> None:
    few, many = waits(work(2)), waits(work(4))
    assert 0 < few == many
