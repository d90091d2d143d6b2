from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import Tensor

from uebench.analysis.statistics import wilson
from uebench.metrics import audit, count_correct, separability
from uebench.plugins.base import ImageSet
from uebench.store.record_parts import Counts


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(counts: tuple[int, int]) -> None:
    correct, n = counts
    expected = binomtest(correct, n).proportion_ci(method="wilson")
    assert wilson(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_correct_answers_are_counted() -> None:
    images = torch.zeros(7, 3, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([0, 0, 1, 1, 2, 2, 2])
    labels = torch.tensor([0, 1, 1, 1, 2, 2, 0])

    def classifier(x: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((x[:, 0, 0, 0] * 255).round().long(), 3).float()

    assert count_correct(classifier, ImageSet(images, labels, 3)) == 5


def test_audit_says_what_changed() -> None:
    delta = np.zeros((3, 3, 4, 4), np.int8)
    delta[0] = 2
    delta[1, 0, 0, 0] = -7
    found = audit(delta)
    assert found["max_levels"] == 7
    assert found["changed"] == 2
    lengths = [2 / 255 * 48**0.5, 7 / 255, 0]
    assert found["l2_max"] == pytest.approx(max(lengths))
    assert found["l2_mean"] == pytest.approx(np.mean(lengths))
    mse = np.array([(2 / 255) ** 2, (7 / 255) ** 2 / 48])
    assert found["psnr_mean"] == pytest.approx((-10 * np.log10(mse)).mean())


def test_audit_of_nothing_changed_has_no_psnr() -> None:
    assert audit(np.zeros((2, 3, 4, 4), np.int8))["psnr_mean"] is None


def test_the_most_negative_change_does_not_overflow() -> None:
    assert audit(np.full((1, 3, 2, 2), -128, np.int8))["max_levels"] == 128


def test_an_audit_copies_no_perturbation() -> None:
    delta = np.ones((300, 3, 32, 32), np.int8)
    assert _peak(lambda: audit(delta)) < delta.nbytes // 2


def _peak(work: Callable[[], object]) -> int:
    """Return the bytes that some work takes at once."""
    work()
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_separability_tells_classwise_noise_from_samplewise_noise() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    samplewise = rng.integers(-8, 9, (90, 3, 8, 8), dtype=np.int8)
    classwise = samplewise[:3][labels]
    assert separability(classwise, labels) == Counts(correct=45, n=45)
    found = separability(samplewise, labels)
    assert found is not None
    assert binomtest(found.correct, found.n, 1 / 3).pvalue > 0.01


def test_separability_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import RidgeClassifier

    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 20)
    delta = rng.integers(-8, 9, (80, 3, 4, 4)) + rng.integers(-3, 4, (4, 3, 4, 4))[labels]
    flat = delta.reshape(80, -1).astype(np.float64)
    half = flat[::2] - flat[::2].mean(0)
    model = RidgeClassifier(alpha=np.square(half).sum(1).mean()).fit(half, labels[::2])
    found = separability(delta, labels)
    expected = int((model.predict(flat[1::2] - flat[::2].mean(0)) == labels[1::2]).sum())
    assert found == Counts(correct=expected, n=40)
    assert 10 < expected < 40


def test_separability_of_nothing_is_nothing() -> None:
    labels = np.arange(4)
    assert separability(np.zeros((4, 3, 2, 2), np.int8), labels // 2) is None
    assert separability(np.ones((4, 3, 2, 2), np.int8), labels) is None


@pytest.mark.parametrize("level", [0, 3, -128, 255])
def test_separability_of_perturbations_that_are_all_the_same_is_nothing(level: int) -> None:
    pattern = np.random.default_rng(0).integers(-8, 9, (1, 3, 8, 8)) + level
    assert separability(np.repeat(pattern, 1999, 0).astype(np.int16), np.arange(1999) % 7) is None
