"""Readers of collections, as they are on disk after unpacking."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from uebench.data.builders.draw import draw
from uebench.data.builders.model import Builder, LayoutError, Reader, SourceImage, SplitName
from uebench.data.folders import identity_folders
from uebench.errors import DataError


@dataclass(frozen=True)
class Folders(Reader):
    """One folder per identity.

    Attributes:
        layout: The required contents of the raw folder, for messages.
        parents: Possible parents of the identities' folders, relative to the raw folder; the first existing one is
            read.
    """

    layout: str
    parents: tuple[str, ...] = ("",)

    def photos(self, raw: Path, builder: Builder, seed: int) -> Sequence[SourceImage]:
        """Draw from the folders that hold images."""
        parent = next((parent for parent in self.parents if (raw / parent).is_dir()), None)
        if parent is None:
            raise LayoutError(raw, self.layout)
        people = {
            name: [file.relative_to(raw).as_posix() for file in inside.photographs]
            for name, inside in identity_folders(raw / parent).items()
        }
        if not any(people.values()):
            raise LayoutError(raw / parent, self.layout)
        return draw(raw, people, builder, seed)


class CelebA(Reader):
    """All images in one folder, with a list of their identities."""

    layout = "RAW/img_align_celeba/*.jpg and RAW/identity_CelebA.txt"

    def photos(self, raw: Path, builder: Builder, seed: int) -> Sequence[SourceImage]:
        """Draw from the images in the list."""
        images, identities = raw / "img_align_celeba", raw / "identity_CelebA.txt"
        if not images.is_dir() or not identities.is_file():
            raise LayoutError(raw, self.layout)
        people = defaultdict(list)
        for number, line in enumerate(identities.read_text("utf-8", errors="replace").splitlines(), 1):
            name, _, identity = line.strip().partition(" ")
            if not identity.isdecimal() or Path(name).name != name:
                raise DataError(f"{identities}: line {number} is not 'IMAGE.jpg IDENTITY'; download the list again")
            people[identity].append(f"{images.name}/{name}")
        return draw(raw, people, builder, seed)


class Cifar10(Reader):
    """The batches of the Python version, pickled.

    torchvision unpickles a batch only if its MD5 is the published one, so no other pickle is ever opened.
    """

    layout = "RAW/cifar-10-batches-py/ with the batches as published (their MD5 is checked)"
    draws = False

    def photos(self, raw: Path, builder: Builder, seed: int) -> Sequence[SourceImage]:
        """Take every image, in the order of the batches and in the collection's own split."""
        from torchvision.datasets import CIFAR10

        try:
            splits: dict[SplitName, Any] = {
                "train": CIFAR10(raw, train=True),
                "test": CIFAR10(raw, train=False),
            }
        except RuntimeError:
            raise LayoutError(raw, self.layout) from None
        return [
            SourceImage(split, label, f"{CIFAR10.base_folder} ({split} image {row})", ".png", partial(_png, pixels))
            for split, data in splits.items()
            for row, (pixels, label) in enumerate(zip(data.data, data.targets, strict=True))
        ]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()
