from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from torch import Tensor
from uebench_methods.ops import COLOURS, scores

from tests.methods.test_methods import build, faces, raw
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.plugins.base import ImageSet, Shape
from uebench.plugins.values import Budget


def noise_images(count: int, size: int, identities: int) -> ImageSet:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=rng)
    return ImageSet(images, torch.arange(count) % identities, identities)


# ops


def brute_force(images: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Algorithm 1 as it is written: one pixel and one colour at a time."""
    pixels = images.numpy() / 255
    size = pixels.shape[-1]
    found = np.zeros((8, size, size))
    for number, colour in enumerate(COLOURS):
        for row in range(size):
            for column in range(size):
                change = np.abs(np.array(colour) - pixels[:, :, row, column])
                found[number, row, column] = change.mean() / change.std()
    return found


def test_the_scores_are_those_of_the_search_by_brute_force() -> None:
    train = noise_images(12, 6, 2)
    for label in (0, 1):
        own = train.images[train.labels == label]
        assert np.allclose(scores(own), brute_force(own), rtol=1e-9)


def test_each_identity_gets_the_best_pixel_that_no_other_has(ctx: RunContext) -> None:
    train = noise_images(8, 5, 2)
    same = ImageSet(train.images[train.labels == 0].repeat(2, 1, 1, 1), train.labels.sort().values, 2)
    method = build("ops")
    method.fit(same, ctx)
    best = np.argsort(-brute_force(same.images[:4]), axis=None)[:2]
    places, colours = method.state()["places"], method.state()["colours"]
    for label, (number, row, column) in enumerate(zip(*np.unravel_index(best, (8, 5, 5)), strict=True)):
        assert places[label].tolist() == [row, column]
        assert tuple(colours[label].int().tolist()) == COLOURS[number]


def test_a_pixel_that_is_black_in_all_images_is_the_best_one_in_white(ctx: RunContext) -> None:
    train = noise_images(6, 5, 1)
    train.images[:, :, 3, 1] = 0
    method = build("ops")
    method.fit(train, ctx)
    assert method.state()["places"].tolist() == [[3, 1]]
    assert method.state()["colours"].tolist() == [[1, 1, 1]]


def test_one_pixel_changes_and_it_has_the_identitys_colour(ctx: RunContext) -> None:
    train, method = faces(), build("ops")
    method.fit(train, ctx)
    changed = referee.protect(method, train, method.budget(32), ctx).any(1)
    assert (changed.sum((1, 2)) == 1).all()
    batch = train.batch(torch.arange(len(train)))
    protected, places = method.perturb(batch, ctx), method.state()["places"]
    for image, label in zip(protected, batch.labels, strict=True):
        row, column = places[label]
        assert torch.equal(image[:, row, column], method.state()["colours"][label])


def test_the_search_takes_seconds_at_224_pixels(ctx: RunContext) -> None:
    train, method = noise_images(26, 224, 2), build("ops")
    started = time.perf_counter()
    method.fit(train, ctx)
    assert time.perf_counter() - started < 4


# cuda


@pytest.mark.parametrize("radius", [1, 2])
def test_every_channel_is_scipys_correlation_with_the_identitys_kernel(ctx: RunContext, radius: int) -> None:
    train, method = faces(16), build(f"cuda(radius={radius})")
    batch = train.batch(torch.tensor([7, 0, 13]))
    blurred = method.perturb(batch, ctx)
    for image, label, found in zip(batch.images.numpy(), batch.labels.tolist(), blurred.numpy(), strict=True):
        kernel = method.kernel(ctx.rng("kernel", label)).numpy()
        expected = np.stack([correlate(channel, kernel, mode="constant") for channel in image])
        assert np.allclose(found, expected / expected.max(), atol=1e-6)


def test_a_kernel_is_uniform_but_for_one_weight_of_one(ctx: RunContext) -> None:
    method = build("cuda(blur=0.2)")
    kernels = torch.stack([method.kernel(ctx.rng("k", number)) for number in range(300)]).flatten(1)
    assert ((kernels == 1).sum(1) == 1).all()
    assert set(kernels.argmax(1).tolist()) == set(range(9))
    others = kernels[kernels < 1]
    assert 0 <= others.min() < 0.01
    assert 0.19 < others.max() <= 0.2


def test_a_black_image_stays_black(ctx: RunContext) -> None:
    black = ImageSet(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), 2)
    assert not raw(build("cuda"), black, ctx).any()


def test_cuda_has_no_bound_and_leaves_the_usual_ones(ctx: RunContext) -> None:
    train, method = faces(), build("cuda")
    assert method.budget(32) == Budget("none", 0)
    assert method.obstacle(Shape(32, (6, 6, 6))) is None
    assert np.abs(referee.protect(method, train, method.budget(32), ctx)).max() > 16


def test_what_cuda_does_to_an_image_depends_on_its_identity_alone(ctx: RunContext) -> None:
    train, method = faces(), build("cuda")
    whole, part = train.batch(torch.arange(len(train))), train.batch(torch.tensor([9, 2]))
    assert torch.allclose(method.perturb(part, ctx), method.perturb(whole, ctx)[[9, 2]], atol=1e-6)
