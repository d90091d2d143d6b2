"""The field's standard augmentations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uebench.lazy import torch, transforms

if TYPE_CHECKING:
    from torch import Tensor


def flip_crop(images: Tensor, rng: torch.Generator, *, flip: bool, crop: int) -> Tensor:
    """Mirror and shift each image on its own.

    Args:
        images: (B, 3, H, W).
        rng: A CPU generator.
        flip: Mirror each image left to right with probability 1/2.
        crop: Pad by so many zero pixels on every side and crop back at a random place; 0 leaves the place.

    Returns:
        (B, 3, H, W), the given tensor itself if there is nothing to do.
    """
    count, height, width = len(images), images.shape[-2], images.shape[-1]
    device = images.device
    if flip:
        chosen = torch.rand(count, generator=rng).lt(0.5).to(device)
        images = torch.where(chosen.view(-1, 1, 1, 1), images.flip(-1), images)
    if crop:
        padded = torch.nn.functional.pad(images, [crop] * 4)
        top, left = torch.randint(2 * crop + 1, (2, count, 1), generator=rng).to(device)
        rows = (top + torch.arange(height, device=device))[:, :, None]
        columns = (left + torch.arange(width, device=device))[:, None, :]
        which = torch.arange(count, device=device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)
    return images


def contrastive_view(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return a random view of each image, as SimCLR draws it for small images; differentiable.

    A crop of 8 to 100 % of the area with an aspect ratio of 3/4 to 4/3, enlarged to the full size; mirrored with
    probability 1/2; brightness, contrast and saturation times 0.6 to 1.4 and hue shifted by up to 0.1 with probability
    0.8; grey with probability 0.2 (Chen et al., ICML 2020, appendix A).

    Args:
        images: (B, 3, H, W) in [0, 1].
        rng: A CPU generator.
    """
    count, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=rng) * (high - low) + low

    area, ratio = uniform(0.08, 1.0), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = (area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1)
    left, top = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    mirror = uniform(0, 1).lt(0.5).float() * 2 - 1
    zero = torch.zeros(count)
    frame = torch.stack([torch.stack([width * mirror, zero, left], 1), torch.stack([zero, height, top], 1)], 1)
    grid = torch.nn.functional.affine_grid(frame.to(device), list(images.shape), align_corners=False)
    views = torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    brightness, contrast, saturation = (uniform(0.6, 1.4).tolist() for _ in range(3))
    hue, jitters, greys = uniform(-0.1, 0.1).tolist(), uniform(0, 1).tolist(), uniform(0, 1).tolist()
    coloured = []
    for number, view in enumerate(views):
        seen = view
        if jitters[number] < 0.8:
            seen = transforms.adjust_brightness(seen, brightness[number])
            seen = transforms.adjust_contrast(seen, contrast[number])
            seen = transforms.adjust_saturation(seen, saturation[number])
            seen = transforms.adjust_hue(seen, hue[number])
        coloured.append(transforms.rgb_to_grayscale(seen, 3) if greys[number] < 0.2 else seen)
    return torch.stack(coloured)
