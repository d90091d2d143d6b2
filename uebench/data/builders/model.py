"""What a builder is: a collection, how it lies on disk, and how many images of how many identities are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from uebench.errors import DataError

SplitName = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image of the set to build.

    Attributes:
        split: ``train`` or ``test``.
        identity: 0..K-1.
        source: Where it lies, relative to the raw folder.
        suffix: Of the file to write, such as ``.jpg``.
        read: Returns the bytes of the file to write, or raises DataError.
    """

    split: SplitName
    identity: int
    source: str
    suffix: str
    read: Callable[[], bytes]


class LayoutError(DataError):
    """The raw folder does not hold the collection as its authors publish it."""

    def __init__(self, raw: Path, expected: str) -> None:
        """Say what was expected and what is there."""
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in raw.iterdir()) if raw.is_dir() else []
        shown = ", ".join(entries[:4]) + (f" and {len(entries) - 4} more" if len(entries) > 4 else "")
        found = f"found {shown or 'nothing'}" if raw.is_dir() else "no such folder"
        super().__init__(f"{raw}: {found}, expected {expected}")


class Reader(ABC):
    """Knows how a collection lies on disk.

    Attributes:
        layout: What the raw folder must hold, in words.
        draws: Whether images are drawn, or the whole collection is taken.
    """

    layout: str
    draws: ClassVar[bool] = True

    @abstractmethod
    def photos(self, raw: Path, builder: Builder, seed: int) -> Sequence[SourceImage]:
        """Choose the images of a set.

        Raises:
            LayoutError: If the raw folder does not hold the collection.
            DataError: If it holds too few identities or images.
        """


@dataclass(frozen=True, slots=True)
class Collection:
    """What others have collected, and under which terms.

    Attributes:
        title: Its name.
        terms: Its licence, in a sentence.
        page: Where its authors describe it and give it out.
        reader: How it lies on disk.
        fetch: Downloads it into the raw folder; None where its authors want to be asked.
    """

    title: str
    terms: str
    page: str
    reader: Reader
    fetch: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Builder:
    """A set to build.

    Attributes:
        name: What the user types.
        collection: Where its images come from.
        identities: K.
        train: Training images per identity.
        test: Test images per identity.
        role: What the set is for, in a sentence.
        skip: So many identities are drawn and left out first, so that two sets share nobody.
        named: The identities, where they are not drawn.
        version: Raised whenever the same raw folder and seed give another set.
    """

    name: str
    collection: Collection
    identities: int
    train: int
    test: int
    role: str
    skip: int = 0
    named: tuple[str, ...] = ()
    version: int = 1
