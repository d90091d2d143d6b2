from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
import uebench_methods.ar as module
from scipy.signal import correlate2d
from torch import Tensor

from tests.methods.test_methods import build, faces, raw
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.plugins.base import ImageSet


def grey(size: int, count: int = 6, identities: int = 3) -> ImageSet:
    """Return images of mid-grey, where no perturbation is cut off."""
    labels = torch.arange(count) % identities
    return ImageSet(torch.full((count, 3, size, size), 128, dtype=torch.uint8), labels, identities)


def residual(noise: Tensor, process: Tensor) -> float:
    """Return how far a perturbation (3, S, S) is from obeying a process, by SciPy's correlation."""
    worst = 0.0
    for channel, weights in zip(noise.double().numpy(), process.numpy(), strict=True):
        predicted = correlate2d(channel, weights, mode="valid")  # the last weight is 0: a value does not predict itself
        worst = max(worst, float(np.abs(channel[2:, 2:] - predicted).max()))
    return worst


@pytest.mark.parametrize("size", [32, 48])
def test_each_perturbation_obeys_its_identitys_recurrence_and_no_others(ctx: RunContext, size: int) -> None:
    train, method = grey(size), build("ar")
    method.fit(train, ctx)
    noise, processes = raw(method, train, ctx), method.state()["processes"]
    for one, label in zip(noise, train.labels.tolist(), strict=True):
        found = [residual(one, process) for process in processes]
        assert found[label] < 1e-6
        assert min(other for k, other in enumerate(found) if k != label) > 1e-3


def test_the_pattern_is_what_a_loop_over_pixels_gives() -> None:
    rng = torch.Generator().manual_seed(0)
    process, start = module.draw_processes(1, rng), module.gaussian(1, 5, rng)
    field = start[0].numpy().copy()
    for channel in range(3):
        for row in range(2, 9):
            for column in range(2, 9):
                window = field[channel, row - 2 : row + 1, column - 2 : column + 1]
                terms = (window * process[0, channel].numpy()).flatten()
                field[channel, row, column] = sum(terms[:8])
    assert np.allclose(module.pattern(process, start)[0], field[:, 4:, 4:])


def test_the_pattern_is_to_the_last_bit_what_a_loop_from_left_to_right_gives() -> None:
    """Also where processes diverge."""
    rng = torch.Generator().manual_seed(1)
    processes, start = module.draw_processes(40, rng), module.gaussian(40, 24, rng)
    field, weights = (tensor.permute(2, 3, 0, 1).numpy().copy() for tensor in (start, 1e12 * processes))
    with np.errstate(all="ignore"):
        for row in range(2, 28):
            for column in range(2, 28):
                seen = [weights[i, j] * field[row - 2 + i, column - 2 + j] for i, j in np.ndindex(3, 3)]
                field[row, column] = sum(seen[:6]) + (seen[6] + seen[7])
    found = module.pattern(1e12 * processes, start)
    assert not found.isfinite().all()
    assert np.array_equal(found.permute(2, 3, 0, 1).numpy(), field[4:, 4:], equal_nan=True)


def test_the_weights_of_a_process_sum_to_one_without_the_value_itself() -> None:
    drawn = module.draw_processes(50, torch.Generator().manual_seed(0))
    assert not drawn[..., 2, 2].any()
    assert torch.allclose(drawn.sum((2, 3)), torch.ones(50, 3, dtype=torch.float64))


@pytest.mark.parametrize(("size", "length"), [(32, 1.0), (64, 2.0)])
def test_the_length_is_the_authors_and_grows_with_the_side(ctx: RunContext, size: int, length: float) -> None:
    train, method = grey(size), build("ar")
    method.fit(train, ctx)
    assert method.budget(size).eps == pytest.approx(length)
    lengths = raw(method, train, ctx).double().flatten(1).norm(dim=1)
    assert torch.allclose(lengths, torch.full_like(lengths, length), rtol=1e-5)


def test_no_two_images_of_an_identity_have_the_same_pattern(ctx: RunContext) -> None:
    train, method = grey(32, count=4, identities=1), build("ar")
    method.fit(train, ctx)
    assert len({tuple(one.flatten().tolist()) for one in raw(method, train, ctx)}) == 4


def test_processes_that_diverge_or_give_nan_are_not_used() -> None:
    method, rng = build("ar"), torch.Generator().manual_seed(0)
    good = torch.zeros(1, 3, 3, 3, dtype=torch.float64)
    good[..., 1, 1], good[..., 0, 2] = 0.5, 0.5
    growing, broken = good * 1.5, good * math.nan
    overflowing = good * 1e200
    kept = method._bounded(torch.cat([growing, good, broken, overflowing]), 32, rng, trials=3)
    assert torch.equal(kept, good)


def test_the_filters_of_other_identities_respond(ctx: RunContext) -> None:
    method = build("ar(response=3.0)")
    method.fit(grey(32, identities=5), ctx)
    processes, rng = method.state()["processes"], torch.Generator().manual_seed(1)
    for label, process in enumerate(processes):
        made = module.pattern(process[None], module.gaussian(1, 32, rng))[0]
        made /= made.norm()
        for other, weights in enumerate(processes):
            filtered = sum(correlate2d(made[c], weights[c], mode="valid") - made[c][2:, 2:].numpy() for c in range(3))
            response = np.maximum(filtered, 0).sum()
            assert response < 1e-9 if label == other else response > 1


@pytest.mark.parametrize(
    ("option", "found", "remedy"),
    [("response=1e6", 1, "lower response=1e+06 or raise bound=5"), ("bound=1e-3", 0, "raise bound=0.001")],
)
def test_a_search_that_finds_too_few_processes_says_what_to_change(
    option: str, found: int, remedy: str, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROUNDS", 1)
    with pytest.raises(CellError, match=f"ar: {found} of 3 processes found in 1,024 draws; .*{re.escape(remedy)}"):
        build(f"ar({option})").fit(faces(), ctx)


def test_rounded_images_keep_the_budget(ctx: RunContext) -> None:
    train, method = faces(), build("ar")
    method.fit(train, ctx)
    delta = referee.protect(method, train, method.budget(32), ctx)
    assert 0.9 < np.linalg.norm(delta[0].astype(float) / 255) < 1.05
