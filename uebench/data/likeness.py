"""The likeness of two photographs after alignment, regardless of brightness, colours and crop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from uebench.data.images import read_image

SIDE = 64
"""Height and width, in pixels, at which photographs are compared."""

GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in the brightness."""
STEPS = 15
"""The most least-squares steps in an alignment."""
STILL = 0.02
"""The alignment ends with a step that changes the map by less than this, in pixels."""
FURTHEST = 0.1
"""The largest change of each coefficient of the map in one step; coordinates run from -1 to 1."""
OVERLAP = 0.5
"""The smallest share of a picture that the other one must cover."""

Grey = NDArray[np.float32]
Map = NDArray[np.float64]
"""(2, 3), an affine map from (y, x, 1) in one picture to (y, x) in the other, with coordinates from -1 to 1."""

SAME_PLACE: Map = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Picture:
    """A grey photograph, prepared for comparison.

    Attributes:
        coarse: (256,), the picture at 16 pixels, with mean 0 and length 1.
        half: (32, 32), slightly blurred.
        whole: (64, 64), slightly blurred.
        detail: (64, 64), band-passed: without brightness and without the finest detail, which compression changes.
    """

    coarse: Grey
    half: Grey
    whole: Grey
    detail: Grey

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a photograph in the same way as data sets do: upright, cropped to the central square.

        Raises:
            DataError: If the file cannot be read.
        """
        return cls.of(np.tensordot(GREY, read_image(file, SIDE).astype(np.float32), axes=1))

    @classmethod
    def of(cls, grey: Grey) -> Self:
        """Prepare a grey picture (64, 64)."""
        coarse = _smaller(grey, 4).ravel()
        coarse = coarse - coarse.mean()
        return cls(
            coarse / max(float(np.linalg.norm(coarse)), 1e-6),
            ndimage.gaussian_filter(_smaller(grey, 2), 1.0),
            ndimage.gaussian_filter(grey, 1.0),
            ndimage.gaussian_filter(grey, 1.0) - ndimage.gaussian_filter(grey, 4.0),
        )

    @property
    def mirrored(self) -> Picture:
        """Return the mirror image."""
        flipped = [np.ascontiguousarray(part[:, ::-1]) for part in (self.half, self.whole, self.detail)]
        return Picture(self.coarse.reshape(16, 16)[:, ::-1].ravel(), *flipped)


def likeness(one: Picture, other: Picture, promising: float) -> float:
    """Return the correlation of two pictures' detail after alignment; -1 if they cannot be aligned.

    Args:
        one: The picture that stays.
        other: The picture that is moved, turned, scaled and sheared.
        promising: Correlation at 32 pixels below which the pictures count as different, which saves time.
    """
    roughly = _aligned(one.half, other.half, SAME_PLACE)
    if roughly is None or _correlation(one.half, other.half, roughly) < promising:
        return -1.0
    exactly = _aligned(one.whole, other.whole, roughly)
    return -1.0 if exactly is None else _correlation(one.detail, other.detail, exactly)


def _aligned(fixed: Grey, moving: Grey, start: Map) -> Map | None:
    """Return the map under which ``moving``, times a gain and plus an offset, comes closest to ``fixed``.

    These are Gauss-Newton steps from ``start``. Return None if the pictures do not overlap enough, have no detail, or
    are each other's negative.
    """
    transform = start.copy()
    grid = _grid(len(fixed))
    per_unit = (len(fixed) - 1) / 2  # not per pixel
    slopes = [np.asarray(slope * per_unit, np.float32) for slope in np.gradient(moving)]
    for _ in range(STEPS):
        mapped = transform @ grid
        inside = (np.abs(mapped) <= 1).all(axis=0)
        if inside.mean() < OVERLAP:
            return None
        values, down, right = (_sampled(plane, mapped[:, inside]) for plane in (moving, *slopes))
        points = grid[:, inside]
        columns = np.concatenate([points * down, points * right, [values, np.ones_like(values)]])
        try:
            solution = np.linalg.solve(columns @ columns.T, columns @ fixed.ravel()[inside])
        except np.linalg.LinAlgError:  # a picture without any detail
            return None
        gain = solution[6]
        if gain <= 0.05:  # one is the other's negative
            return None
        step = (solution[:6] / gain).clip(-FURTHEST, FURTHEST).reshape(2, 3)
        transform += step
        if np.abs(step).max() * len(fixed) / 2 < STILL:
            break
    return transform


def _correlation(one: Grey, other: Grey, transform: Map) -> float:
    """Return the correlation of two planes where they overlap, without their borders."""
    grid = _grid(len(one))
    mapped, border = transform @ grid, 1 - 6 / len(one)
    inside = (np.abs(mapped) <= border).all(axis=0) & (np.abs(grid[:2]) <= border).all(axis=0)
    if inside.mean() < OVERLAP:
        return -1.0
    first, second = one.ravel()[inside], _sampled(other, mapped[:, inside])
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length > 1e-6 else -1.0


def _sampled(plane: Grey, points: NDArray[np.float64]) -> NDArray[np.float64]:
    pixels = (points + 1) * ((len(plane) - 1) / 2)
    return np.asarray(ndimage.map_coordinates(plane, pixels, order=1, mode="nearest"), np.float64)


def _grid(side: int) -> NDArray[np.float64]:
    """Return (y, x, 1) of every pixel, as columns of (3, side * side)."""
    line = np.linspace(-1, 1, side)
    down, right = np.meshgrid(line, line, indexing="ij")
    return np.stack([down.ravel(), right.ravel(), np.ones(side * side)])


def _smaller(grey: Grey, factor: int) -> Grey:
    side = len(grey) // factor
    return np.asarray(grey.reshape(side, factor, side, factor).mean(axis=(1, 3)), np.float32)
