from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from uebench.norms import NORMS, NormName, bound
from uebench.ops import flip_crop, input_gradient, project, sign_steps, to_levels
from uebench.plugins.base import Budget


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_projection_is_the_nearest_point_of_the_ball() -> None:
    delta = rand(4, 3, 5, 5) - 0.5
    assert project(delta, Budget("linf", 0.1)).abs().max() <= 0.1
    on_sphere = project(delta, Budget("l2", 0.7)).flatten(1).norm(dim=1)
    assert torch.allclose(on_sphere, torch.full((4,), 0.7))
    inside = delta / 100
    for norm in ("linf", "l2", "none"):
        assert torch.equal(project(inside, Budget(norm, 0.7)), inside)


def test_projection_to_three_pixels_keeps_the_three_that_change_most() -> None:
    delta = rand(4, 3, 5, 5) - 0.5
    few = project(delta, Budget("l0", 3))
    assert NORMS["l0"].size(few).tolist() == [3] * 4
    kept = few.abs().amax(1) > 0
    strength = delta.norm(dim=1)
    assert torch.equal(few.norm(dim=1)[kept], strength[kept])
    assert strength[0][kept[0]].min() > strength[0][~kept[0]].max()
    assert torch.equal(project(delta, Budget("l0", 99)), delta)
    assert torch.equal(project(few, Budget("l0", 3)), few)


def test_a_pixel_counts_once_whichever_of_its_channels_change() -> None:
    delta = torch.zeros(2, 3, 4, 4)
    delta[0, 0, 1, 1] = delta[0, 2, 1, 1] = 0.5
    delta[1, 1, 0, 0] = delta[1, 1, 3, 3] = -0.1
    assert NORMS["l0"].size(delta + 1e-7).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("norm", "eps", "text"),
    [("linf", 8 / 255, "linf 8/255"), ("l2", 2.6079, "l2 2.608"), ("l0", 1, "l0 1 pixel"), ("none", 0, "none")],
)
def test_a_budget_is_written_in_the_unit_of_its_norm(norm: NormName, eps: float, text: str) -> None:
    assert bound(norm, eps) == text


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 255), st.floats(0, 1, width=32), st.integers(0, 40))
def test_rounding_never_leaves_the_ball_nor_the_pixel_range(clean: int, protected: float, levels: int) -> None:
    eps = levels / 255
    pixel = torch.full((1, 3, 1, 1), clean, dtype=torch.uint8)
    image = torch.full((1, 3, 1, 1), protected).clamp(clean / 255 - eps, clean / 255 + eps).clamp(0, 1)
    delta = to_levels(image, pixel, Budget("linf", eps))
    assert int(delta.abs().max()) <= levels
    assert 0 <= int((pixel + delta).min()) <= int((pixel + delta).max()) <= 255


def test_rounding_a_fractional_budget_rounds_down() -> None:
    clean = torch.full((1, 3, 2, 2), 100, dtype=torch.uint8)
    delta = to_levels(torch.full((1, 3, 2, 2), 106.5 / 255), clean, Budget("linf", 6.5 / 255))
    assert int(delta.max()) == 6


def quadratic(images: Tensor) -> Tensor:
    weights = torch.linspace(-1, 1, images[0].numel()).view_as(images[0])
    return ((images - 0.3) ** 2 * weights).sum()


def test_input_gradient_agrees_with_finite_differences() -> None:
    images = rand(1, 3, 2, 2).double()
    gradient = input_gradient(quadratic, images)
    numeric = torch.zeros_like(images)
    for i in range(images.numel()):
        step = torch.zeros(images.numel(), dtype=torch.float64)
        step[i] = 1e-6
        step = step.view_as(images)
        numeric.view(-1)[i] = (quadratic(images + step) - quadratic(images - step)) / 2e-6
    assert torch.allclose(gradient, numeric, atol=1e-8)


def test_input_gradient_leaves_weights_alone() -> None:
    model = torch.nn.Conv2d(3, 2, 1)
    input_gradient(lambda images: model(images).sum(), rand(1, 3, 4, 4))
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("ascend", [True, False])
def test_sign_steps_agree_with_the_textbook_loop(ascend: bool) -> None:
    images, radius, step, steps = rand(2, 3, 4, 4), 0.05, 0.02, 4
    x = images.clone()
    for _ in range(steps):
        x.requires_grad_(True)
        loss = quadratic(x)
        loss.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        x = (x + (step if ascend else -step) * x.grad.sign()).detach()
        x = torch.max(torch.min(x, images + radius), images - radius).clamp(0, 1)
    delta = sign_steps(quadratic, images, radius=radius, step=step, steps=steps, ascend=ascend)
    assert torch.allclose(images + delta, x, atol=1e-6)
    assert delta.abs().max() <= radius + 1e-7
    assert (quadratic(images + delta) > quadratic(images)) == ascend


def test_sign_steps_from_a_start_and_without_a_clamp() -> None:
    images = torch.ones(1, 3, 2, 2)
    start = torch.full_like(images, 0.03)
    delta = sign_steps(
        lambda x: x.sum(), images, radius=0.05, step=0.01, steps=1, ascend=True, start=start, clamp=False
    )
    assert torch.allclose(delta, torch.full_like(delta, 0.04))
    assert torch.equal(start, torch.full_like(start, 0.03))


def test_flip_crop_shifts_and_mirrors_each_image_on_its_own() -> None:
    images = torch.zeros(64, 3, 9, 9)
    images[:, :, 4, 2] = 1.0
    moved = flip_crop(images, torch.Generator().manual_seed(0), flip=True, crop=2)
    assert moved.shape == images.shape
    places = [tuple(image[0].nonzero()[0].tolist()) for image in moved]
    assert {row for row, _ in places} == {2, 3, 4, 5, 6}
    assert {column for _, column in places} == {0, 1, 2, 3, 4, 5, 6, 7, 8}
    assert torch.equal(moved.sum((1, 2, 3)), torch.full((64,), 3.0))


def test_flip_crop_without_either_changes_nothing() -> None:
    images = rand(2, 3, 4, 4)
    assert flip_crop(images, torch.Generator(), flip=False, crop=0) is images
