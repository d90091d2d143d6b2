"""The field's standard augmentations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from uebench.lazy import torch, transforms
from uebench.ops.colour import jitter
from uebench.ops.seeds import draw_seed, seed_torch

if TYPE_CHECKING:
    from torch import Tensor


def flip_crop(images: Tensor, rng: torch.Generator, *, flip: bool, crop: int) -> Tensor:
    """Mirror and shift each image at random.

    Args:
        images: (B, 3, H, W).
        rng: A CPU generator.
        flip: Mirror each image left to right with probability 1/2.
        crop: Pad with this many zero pixels on every side and crop at a random position; 0 for no shift.

    Returns:
        (B, 3, H, W); ``images`` itself if there is nothing to do.
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
        index = torch.arange(count, device=device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[index, rows, columns].permute(0, 3, 1, 2)
    return images


def contrastive_view(
    images: Tensor,
    rng: torch.Generator,
    *,
    strength: float = 1.0,
    least_area: float = 0.08,
    size: int = 0,
    shared: bool = False,
) -> Tensor:
    """Return a random view of each image, differentiably. The defaults are SimCLR's for small images.

    A view is a crop of ``least_area`` to 100% of the area with an aspect ratio of 3/4 to 4/3, resized to ``size``
    pixels, and mirrored with probability 1/2. With s = ``strength``, its colours change with probability 0.8 s:
    brightness, contrast and saturation by a factor of 1 - 0.4 s to 1 + 0.4 s, and the hue by up to 0.1 s. It becomes
    grey with probability 0.2 s. With s = 1, these are the colours of Chen et al., ICML 2020, for CIFAR-10 (appendix
    B.9; half as strong as those for ImageNet in appendix A), with crops of at least 8%.

    Args:
        images: (B, 3, H, W) in [0, 1].
        rng: A CPU generator.
        strength: The strength of the colour changes, s.
        least_area: The smallest crop, as a share of the area.
        size: The side of the square views, in pixels; 0 for the size of the images.
        shared: Draw crop, mirroring and colours once for the whole batch.
    """
    count, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return (torch.rand(1 if shared else count, generator=rng) * (high - low) + low).expand(count)

    area, ratio = uniform(least_area, 1.0), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = (area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1)
    left, top = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    mirror = uniform(0, 1).lt(0.5).float() * 2 - 1
    zero = torch.zeros(count)
    frame = torch.stack([torch.stack([width * mirror, zero, left], 1), torch.stack([zero, height, top], 1)], 1)
    shape = [count, 3, size, size] if size else list(images.shape)
    grid = torch.nn.functional.affine_grid(frame.to(device), shape, align_corners=False)
    views = torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    spread, turn = 0.4 * strength, 0.1 * strength
    brightness, contrast, saturation = (uniform(1 - spread, 1 + spread) for _ in range(3))
    jittered = jitter(views, brightness, contrast, saturation, uniform(-turn, turn))
    views = torch.where(_chosen(uniform(0, 1), 0.8 * strength, views), jittered, views)
    return torch.where(_chosen(uniform(0, 1), 0.2 * strength, views), transforms.rgb_to_grayscale(views, 3), views)


def _chosen(draws: Tensor, share: float, images: Tensor) -> Tensor:
    return draws.lt(share).to(images.device)[:, None, None, None]


def view_of_strength(images: Tensor, rng: torch.Generator, strength: float) -> Tensor:
    """Return a random contrastive view of each image, weakened by one number (Wang et al., NeurIPS 2024).

    The strength s scales the colour changes and the crop, whose smallest area is 1 - 0.9 s. The views are
    differentiable.

    Args:
        images: (B, 3, H, W) in [0, 1].
        rng: A CPU generator.
        strength: s, in [0, 1]; 0 returns ``images`` itself and draws nothing.
    """
    if not strength:
        return images
    return contrastive_view(images, rng, strength=strength, least_area=1 - 0.9 * strength)


def augment_each(images: Tensor, augment: Callable[[Tensor], Tensor], rng: torch.Generator) -> Tensor:
    """Apply one of torchvision's random transforms to each image separately.

    Args:
        images: (B, 3, H, W) float in [0, 1].
        augment: Maps an image (3, H, W) uint8 to one of the same shape; draws from torch's global generator.
        rng: A CPU generator that seeds torch's global generator meanwhile.
    """
    levels = (images * 255).round().to(torch.uint8)
    with torch.random.fork_rng(devices=[]):
        seed_torch(rng)
        return torch.stack([augment(image) for image in levels]).float() / 255


def holes(count: int, size: int, number: int, side: int, rng: torch.Generator) -> Tensor:
    """Return masks (count, 1, size, size), true inside ``number`` squares with random centres in the image.

    Args:
        count: The number of masks.
        size: Their height and width in pixels.
        number: The number of squares in each mask.
        side: The side of a square in pixels; a square may extend beyond the edge.
        rng: A CPU generator.
    """
    first = torch.randint(size, (2, count, number, 1), generator=rng) - side // 2
    positions = torch.arange(size)
    rows, columns = ((positions >= first) & (positions < first + side)).unbind(0)  # (count, number, size) each
    return (rows[..., :, None] & columns[..., None, :]).any(1, keepdim=True)


def partners(batch: Tensor, which: Literal["previous", "reversed"]) -> Tensor:
    """Return the row that each row of a batch is mixed with.

    Args:
        batch: Images or targets, (B, ...).
        which: ``previous``: the row before, and the last row for the first; ``reversed``: the row at the same position
            counted from the end, so that rows form pairs (the middle one of an odd number is its own partner).
    """
    return batch.roll(1, 0) if which == "previous" else batch.flip(0)


def beta(alpha: float, rng: torch.Generator) -> float:
    """Draw from Beta(alpha, alpha)."""
    return float(np.random.default_rng(draw_seed(rng)).beta(alpha, alpha))


def plasma(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Return cloudy random fields (count, 1, size, size) with values from 0 to 1.

    Each field is a sum of octaves of bilinear noise. An octave is twice as fine as the one before, and weaker by a
    factor between 0.3 and 0.7 that is drawn for each field.

    Args:
        count: The number of fields.
        size: Their height and width in pixels, at least 2.
        rng: A CPU generator.
    """
    roughness = torch.rand(count, 1, 1, 1, generator=rng) * 0.4 + 0.3
    field, weight, cells = torch.zeros(count, 1, size, size), torch.ones(count, 1, 1, 1), 2
    while cells <= size:
        octave = torch.rand(count, 1, cells, cells, generator=rng)
        field += weight * torch.nn.functional.interpolate(
            octave, size=(size, size), mode="bilinear", align_corners=True
        )
        weight, cells = weight * roughness, cells * 2
    low, high = field.amin((2, 3), keepdim=True), field.amax((2, 3), keepdim=True)
    return (field - low) / (high - low)
