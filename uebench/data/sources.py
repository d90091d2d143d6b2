"""Sources of faces: a folder of photographs, and made-up patterns for tests. ``orl.py`` has the embedded faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from uebench.data.files import Files, decode, split_files
from uebench.data.folders import SPLITS, identities, is_folder, natural_names
from uebench.data.memory import check_room
from uebench.errors import DataError, counted
from uebench.plugins.base import Added, Config, Info, Listing, Source, Split


class FolderConfig(Config):
    """Options of ``folder``.

    Attributes:
        path: The folder.
        identities: The number of identities to use, in natural order; 0 means all.
        first: The first identity, counted from 1.
        train: The share of each identity's photographs used for training, if the folder has no split of its own.
        seed: Seed of that split, and of the split for ``validation``.
        validation: Test on this share of each identity's training photographs and train on the others, so that settings
            can be chosen without the test photographs.
        repeats: ``drop`` leaves out every test photograph that repeats a training photograph of any identity; see
            ``uebench data verify``.
    """

    path: Path
    identities: int = Field(0, ge=0)
    train: float = Field(0.7, gt=0, lt=1)
    seed: int = Field(0, ge=0)
    validation: Annotated[float, Field(ge=0, lt=1), Added()] = 0.0
    repeats: Annotated[Literal["keep", "drop"], Added()] = "keep"
    first: Annotated[int, Field(ge=1), Added()] = 1


class Folder(Files[FolderConfig]):
    """A folder of photographs, one folder per identity.

    It holds either ``train/<identity>/`` and ``test/<identity>/`` (or ``train_clean/`` and ``test_clean/``), or only
    ``<identity>/``, which is then split by seed.
    """

    name = "folder"
    version = 1
    info = Info(title="a folder of photographs: train/ID test/ID, train_clean/ test_clean/, or ID alone")
    Config = FolderConfig

    def label(self) -> str:
        """Return the folder's name and the part of it that is used: ``faces50[:10] validation``, ``faces50[10:]``."""
        name, begin, count = self.config.path.resolve().name, self.config.first - 1, self.config.identities
        if begin or count:
            name = f"{name}[{begin or ''}:{begin + count if count else ''}]"
        name = f"{name} validation" if self.config.validation else name
        return f"{name} without repeats" if self.config.repeats == "drop" else name

    def listing(self) -> Listing:
        """Return the files of the folder.

        Raises:
            DataError: If the folder is not of this form; the message names the culprit.
        """
        whole = self._whole()
        if not self.config.validation:
            return whole
        people: dict[str, list[Path]] = {}
        for file, label in whole.train:
            people.setdefault(str(label), []).append(file)
        for files in people.values():
            if len(files) < 2:
                raise DataError(f"{files[0].parent}: 1 training photograph; validation needs 2 or more per identity")
        return split_files(people, 1 - self.config.validation, self.config.seed)

    def read(self, size: int) -> tuple[Split, Split]:
        """Decode the photographs. Repeats are searched for here, not in ``listing``, because this result is cached."""
        listing = self.listing()
        if self.config.repeats == "drop":
            from uebench.data.repeats import without_repeats  # SciPy, which plans do not need

            listing = without_repeats(listing)
        return decode(listing.train, size), decode(listing.test, size)

    def _whole(self) -> Listing:
        root = self.config.path
        if not is_folder(root):
            raise DataError(f"{root}: no such folder; data takes orl_varied, orl, synthetic or a folder of photographs")
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
        return split_files(people, self.config.train, self.config.seed)

    def _given_split(self, train: Path, test: Path) -> Listing:
        known, unseen = self._people(train), identities(test, allow_empty=True)
        for name in known:
            if not unseen.get(name):
                raise DataError(
                    f"{test / name}: no test photograph of identity {name!r}; add one or remove {train / name}"
                )
        if strangers := set(unseen) - set(known):
            if not self.config.identities and self.config.first == 1:
                name = natural_names(strangers)[0]
                raise DataError(f"{test / name}: identity {name!r} has no training photographs in {train}")
            unseen = {name: files for name, files in unseen.items() if name in known}
        labels = {name: label for label, name in enumerate(known)}
        return Listing(
            tuple((file, labels[name]) for name, files in known.items() for file in files),
            tuple((file, labels[name]) for name in known for file in unseen[name]),
        )

    def _people(self, root: Path) -> dict[str, list[Path]]:
        people, asked, begin = identities(root), self.config.identities, self.config.first - 1
        if len(people) < 2:
            found = counted(len(people), "identity folder")
            raise DataError(f"{root}: {found}; recognition needs at least 2 people, one folder per identity")
        if max(asked, 2) > len(people) - begin:
            wanted = f"{asked or 2} identities" + (f" from number {begin + 1} on" if begin else "")
            raise DataError(f"{root}: you asked for {wanted}, and there are {len(people)}")
        return dict(list(people.items())[begin : begin + asked if asked else None])


class SyntheticConfig(Config):
    """Options of ``synthetic``.

    Attributes:
        identities: The number of identities.
        train: Training images per identity.
        test: Test images per identity.
        seed: Seed of the patterns and the noise.
    """

    identities: int = Field(4, ge=2)
    train: int = Field(8, ge=1)
    test: int = Field(4, ge=1)
    seed: int = Field(0, ge=0)


class Synthetic(Source[SyntheticConfig]):
    """Made-up "faces" for tests: an identity is a coarse random pattern, and each of its images is that plus noise."""

    name = "synthetic"
    version = 1
    info = Info(title="made-up patterns, for tests only")
    Config = SyntheticConfig

    def label(self) -> str:
        """Return ``synthetic`` and the number of identities: ``synthetic4``."""
        return f"synthetic{self.config.identities}"

    def listing(self) -> None:
        """Return None, because no files are read."""
        return

    def read(self, size: int) -> tuple[Split, Split]:
        """Make the images.

        Raises:
            DataError: If they do not fit into memory.
        """
        largest = self.config.identities * max(self.config.train, self.config.test)
        check_room(largest, size, each=24)  # NumPy works with three arrays of float64
        rng = np.random.default_rng(self.config.seed)
        coarse = rng.uniform(40, 215, (self.config.identities, 3, 4, 4))
        cell = -(-size // 4)
        pattern = coarse.repeat(cell, axis=2).repeat(cell, axis=3)[:, :, :size, :size]

        def draw(each: int) -> Split:
            labels = np.arange(self.config.identities, dtype=np.int64).repeat(each)
            noisy = pattern[labels] + rng.normal(0, 20, (len(labels), 3, size, size))
            return Split(noisy.clip(0, 255).astype(np.uint8), labels)

        return draw(self.config.train), draw(self.config.test)
