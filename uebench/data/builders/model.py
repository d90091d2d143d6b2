"""The data model of builders: a collection, its reader, and the numbers of identities and images to draw."""

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
        source: Its path relative to the raw folder.
        suffix: The suffix of the file to write, such as ``.jpg``.
        read: Returns the bytes of the file to write, or raises DataError.
    """

    split: SplitName
    identity: int
    source: str
    suffix: str
    read: Callable[[], bytes]


class LayoutError(DataError):
    """The raw folder does not hold the collection in its published form."""

    def __init__(self, raw: Path, expected: str) -> None:
        """Write a message with the contents of ``raw`` and the expected contents."""
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in raw.iterdir()) if raw.is_dir() else []
        shown = ", ".join(entries[:4]) + (f" and {len(entries) - 4} more" if len(entries) > 4 else "")
        found = f"found {shown or 'nothing'}" if raw.is_dir() else "no such folder"
        super().__init__(f"{raw}: {found}, expected {expected}")


class Reader(ABC):
    """Reads a collection from disk.

    Attributes:
        layout: The required contents of the raw folder, for messages.
        draws: Whether images are drawn; otherwise the whole collection is taken.
    """

    layout: str
    draws: ClassVar[bool] = True

    @abstractmethod
    def photos(self, raw: Path, builder: Builder, seed: int) -> Sequence[SourceImage]:
        """Choose the images of a set.

        Args:
            raw: The folder with the collection in its published form.
            builder: The set to build.
            seed: Seed of the draw, if images are drawn.

        Raises:
            LayoutError: If the raw folder does not hold the collection.
            DataError: If it holds too few identities or images.
        """


@dataclass(frozen=True, slots=True)
class Collection:
    """A published collection of images.

    Attributes:
        title: Its name.
        terms: Its licence, in a sentence.
        page: The web page where its authors describe and distribute it.
        reader: Reads it from disk.
        fetch: Downloads it into the raw folder; None if users must request it from its authors.
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
        name: The name that the user types.
        collection: The source of its images.
        identities: K, the number of identities.
        train: Training images per identity.
        test: Test images per identity.
        role: The purpose of the set, in a sentence.
        skip: The number of identities that are drawn first and left out, so that two sets have nobody in common.
        named: The identities, if they are not drawn.
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
