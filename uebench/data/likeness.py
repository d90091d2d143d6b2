"""How alike two photographs are once one is laid over the other, whatever their brightness, colours and crop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from uebench.data.images import read_image

SIDE = 64
"""Photographs are compared at so many pixels."""

GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""How bright red, green and blue are."""
STEPS = 15
"""Least-squares steps that lay one picture over another, at most."""
STILL = 0.02
"""A step that moves no pixel further than this (in pixels) is the last."""
FURTHEST = 0.1
"""What a step may change of each number of the map, with shifts in halves of the picture."""
OVERLAP = 0.5
"""Share of the picture on which the other one must lie."""

Grey = NDArray[np.float32]
Map = NDArray[np.float64]
"""(2, 3): from (y, x, 1) in one picture to (y, x) in the other, both from -1 to 1."""

SAME_PLACE: Map = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph in grey, ready to be compared.

    Attributes:
        coarse: (256,) at 16 pixels, with mean 0 and length 1.
        half: (32, 32), slightly blurred.
        whole: (64, 64), slightly blurred.
        detail: (64, 64), band-passed: neither brightness nor the finest detail, which compression changes.
    """

    coarse: Grey
    half: Grey
    whole: Grey
    detail: Grey

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a photograph as data sets do: upright, cropped to the central square.

        Raises:
            DataError: If it cannot be read.
        """
        return cls.of(np.tensordot(GREY, read_image(file, SIDE).astype(np.float32), axes=1))

    @classmethod
    def of(cls, grey: Grey) -> Self:
        """Prepare a picture of (64, 64)."""
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
        """Return its mirror image."""
        flipped = [np.ascontiguousarray(part[:, ::-1]) for part in (self.half, self.whole, self.detail)]
        return Picture(self.coarse.reshape(16, 16)[:, ::-1].ravel(), *flipped)


def likeness(one: Picture, other: Picture, promising: float) -> float:
    """Return the correlation of two pictures' detail, once one is laid over the other; -1 if they do not fit.

    Args:
        one: A picture.
        other: Another, which is moved, turned, scaled and sheared.
        promising: Correlation at 32 pixels below which the pictures count as not fitting; saves time.
    """
    roughly = _laid(one.half, other.half, SAME_PLACE)
    if roughly is None or _correlation(one.half, other.half, roughly) < promising:
        return -1.0
    exactly = _laid(one.whole, other.whole, roughly)
    return -1.0 if exactly is None else _correlation(one.detail, other.detail, exactly)


def _laid(fixed: Grey, moving: Grey, start: Map) -> Map | None:
    """Return the map under which ``moving``, times a gain and plus an offset, comes closest to ``fixed``."""
    found = start.copy()
    grid = _grid(len(fixed))
    per_unit = (len(fixed) - 1) / 2  # not per pixel
    slopes = [np.asarray(slope * per_unit, np.float32) for slope in np.gradient(moving)]
    for _ in range(STEPS):
        there = found @ grid
        inside = (np.abs(there) <= 1).all(axis=0)
        if inside.mean() < OVERLAP:
            return None
        values, down, right = (_at(plane, there[:, inside]) for plane in (moving, *slopes))
        places = grid[:, inside]
        columns = np.concatenate([places * down, places * right, [values, np.ones_like(values)]])
        try:
            solved = np.linalg.solve(columns @ columns.T, columns @ fixed.ravel()[inside])
        except np.linalg.LinAlgError:  # a picture without any detail
            return None
        if solved[6] <= 0.05:  # the gain: one is the other's negative
            return None
        step = (solved[:6] / solved[6]).clip(-FURTHEST, FURTHEST).reshape(2, 3)
        found += step
        if np.abs(step).max() * len(fixed) / 2 < STILL:
            break
    return found


def _correlation(one: Grey, other: Grey, found: Map) -> float:
    """Return the correlation of two planes where they overlap, without their borders."""
    grid = _grid(len(one))
    there, border = found @ grid, 1 - 6 / len(one)
    inside = (np.abs(there) <= border).all(axis=0) & (np.abs(grid[:2]) <= border).all(axis=0)
    if inside.mean() < OVERLAP:
        return -1.0
    first, second = one.ravel()[inside], _at(other, there[:, inside])
    first, second = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / length if length > 1e-6 else -1.0


def _at(plane: Grey, places: NDArray[np.float64]) -> NDArray[np.float64]:
    pixels = (places + 1) * ((len(plane) - 1) / 2)
    return np.asarray(ndimage.map_coordinates(plane, pixels, order=1, mode="nearest"), np.float64)


def _grid(side: int) -> NDArray[np.float64]:
    """Return (3, side * side): y, x and 1 of every pixel."""
    line = np.linspace(-1, 1, side)
    down, right = np.meshgrid(line, line, indexing="ij")
    return np.stack([down.ravel(), right.ravel(), np.ones(side * side)])


def _smaller(grey: Grey, factor: int) -> Grey:
    side = len(grey) // factor
    return np.asarray(grey.reshape(side, factor, side, factor).mean(axis=(1, 3)), np.float32)
