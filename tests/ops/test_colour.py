"""Colour changes of a batch against torchvision's of one image at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import functional

from uebench.ops.colour import jitter


def one_at_a_time(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, turn: Tensor) -> Tensor:
    changed = []
    for number, image in enumerate(images):
        image = functional.adjust_brightness(image, brightness[number].item())
        image = functional.adjust_contrast(image, contrast[number].item())
        image = functional.adjust_saturation(image, saturation[number].item())
        changed.append(functional.adjust_hue(image, turn[number].item()))
    return torch.stack(changed)


def test_images_and_gradients_are_torchvisions_to_the_last_bit() -> None:
    torch.manual_seed(0)
    images = torch.rand(40, 3, 17, 23)
    images[0] = 0.5  # grey, with no hue
    images[1, :, :9] = 0  # black, with no saturation
    images[2] = (images[2] * 3).round() / 3  # many pixels with two channels alike, and pure colours
    factors = *(torch.rand(40) * 2 for _ in range(3)), torch.rand(40) - 0.5
    weights = torch.rand_like(images)
    results = []
    for change in (one_at_a_time, jitter):
        start = images.clone().requires_grad_()
        changed = change(start, *factors)
        results.append((changed, *torch.autograd.grad((changed * weights).sum(), start)))
    (expected, expected_gradient), (found, gradient) = results
    assert torch.equal(found, expected)
    assert torch.equal(gradient, expected_gradient)
    assert (found - images).abs().flatten(1).amax(1).gt(0.01)[3:].all()
