"""Protected copies of a folder of photographs, as they lie on disk: PNG files and a manifest beside them."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from uebench.data.folders import contents, identities
from uebench.data.images import read_image
from uebench.errors import DataError, StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.metrics import audit
from uebench.store.atomic import publish

MANIFEST = "protected.json"


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph to protect: its file, its identity's number, and where its copy goes in the target folder."""

    file: Path
    label: int
    copy: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some photographs, the row of the first among all, and their pixels (B, 3, S, S) uint8."""

    photographs: Sequence[Photograph]
    first: int
    images: NDArray[np.uint8]


def photographs_in(source: Path) -> dict[str, list[Photograph]]:
    """Return the photographs of each identity by name, in natural order.

    Args:
        source: One folder per identity, or the photographs of one person.

    Raises:
        DataError: If there are none, or if it is unclear whom they show.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder")
    inside = contents(source)
    if inside.folders and inside.photographs:
        raise DataError(f"{inside.photographs[0]}: lies beside the folders of identities; move it into one of them")
    people = identities(source) if inside.folders else {source.resolve().name: inside.photographs}
    if not any(people.values()):
        raise DataError(f"{source}: no image in it; pass a folder of photographs, or one with a folder per identity")
    found = {}
    for label, (name, files) in enumerate(people.items()):
        copies = [Path(name if inside.folders else "", f"{file.stem}.png") for file in files]
        if twice := next((copy for copy, times in Counter(copies).items() if times > 1), None):
            raise DataError(f"{source / twice.parent}: two photographs are named {twice.stem!r}; rename one")
        found[name] = [Photograph(file, label, copy) for file, copy in zip(files, copies, strict=True)]
    return found


def request_digest(manifest: Mapping[str, Any], photographs: Sequence[Photograph]) -> str:
    """Return what tells two requests apart: the method and its options, and every photograph's size and time.

    Args:
        manifest: What the manifest says before work starts.
        photographs: All that are to be protected.

    Raises:
        DataError: If one of them cannot be read.
    """
    stamps: list[list[str | int]] = []
    for photograph in photographs:
        try:
            stat = photograph.file.stat()
        except OSError as error:
            raise DataError(f"{photograph.file}: cannot be read ({in_words(error)})") from None
        stamps.append([str(photograph.copy), stat.st_size, stat.st_mtime_ns])
    return digest([manifest, stamps])


def decode(photographs: Sequence[Photograph], first: int, size: int) -> Chunk:
    """Read some photographs.

    Args:
        photographs: The photographs.
        first: The row of the first of them among all.
        size: Height and width in pixels.

    Raises:
        DataError: Naming the file that cannot be read.
    """
    return Chunk(photographs, first, np.stack([read_image(photograph.file, size) for photograph in photographs]))


class ProtectedFolder:
    """The folder that the copies go to."""

    def __init__(self, target: Path) -> None:
        """Name the folder; nothing is touched until ``begin``."""
        self.target = target

    def begin(self, source: Path | None, manifest: Mapping[str, Any]) -> None:
        """Make the folder, or take it over if an interrupted call for the same request began it.

        Args:
            source: The folder whose photographs are protected, if there is one; the target must not lie in it.
            manifest: With the ``request`` that tells two of them apart.

        Raises:
            StoreError: If the folder cannot be written.
            UsageError: If it holds something else.
        """
        target = self.target
        if source and target.resolve().is_relative_to(source.resolve()):
            raise UsageError(f"{target}: lies in {source}, whose photographs are protected; choose a folder elsewhere")
        try:
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                if json.loads((target / MANIFEST).read_text())["request"] != manifest["request"]:
                    raise ValueError
                return
        except FileNotFoundError:
            raise UsageError(f"{target}: is not empty; choose a new folder") from None
        except OSError as error:
            raise StoreError(f"{target}: cannot be used ({in_words(error)})") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{target}: holds the result of a different request; choose a new folder") from None
        self.write_manifest(manifest)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write how the copies were made.

        Raises:
            StoreError: If it cannot be written.
        """
        self.write(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")

    def holds(self, photographs: Sequence[Photograph]) -> bool:
        """Return whether all their copies are here already."""
        return all((self.target / photograph.copy).is_file() for photograph in photographs)

    def save(self, chunk: Chunk, delta: NDArray[np.int16]) -> None:
        """Write the copies of some photographs.

        Args:
            chunk: The photographs.
            delta: (B, 3, S, S): protected minus clean, in grey levels.

        Raises:
            StoreError: If one cannot be written.
        """
        for photograph, pixels in zip(chunk.photographs, (chunk.images + delta).astype(np.uint8), strict=True):
            content = io.BytesIO()
            Image.fromarray(pixels.transpose(1, 2, 0)).save(content, "PNG", compress_level=1)
            self.write(photograph.copy, content.getvalue())

    def read_delta(self, chunk: Chunk) -> NDArray[np.int16]:
        """Return protected minus clean in grey levels (B, 3, S, S) of copies that are here already."""
        size = chunk.images.shape[-1]
        copies = [read_image(self.target / photograph.copy, size) for photograph in chunk.photographs]
        delta: NDArray[np.int16] = np.stack(copies).astype(np.int16) - chunk.images
        return delta

    def write(self, name: str | Path, content: bytes) -> None:
        """Put a file into the folder.

        Raises:
            StoreError: If it cannot be written.
        """
        file = self.target / name
        try:
            publish(file, content, to_disk=False)
        except OSError as error:
            raise StoreError(f"{file}: cannot be written ({in_words(error)})") from None


class RunningAudit:
    """The audit of copies that are made some at a time."""

    def __init__(self) -> None:
        """Start with no copies."""
        self._parts: list[dict[str, Any]] = []

    def add(self, delta: NDArray[np.int16]) -> None:
        """Take a perturbation (B, 3, S, S) in grey levels."""
        self._parts.append(audit(delta))

    def result(self) -> dict[str, Any]:
        """Return the largest change in grey levels, the mean PSNR in dB and the number of images that changed."""
        changed = sum(part["changed"] for part in self._parts)
        decibels = sum(part["changed"] * part["psnr_mean"] for part in self._parts if part["changed"])
        return {
            "max_levels": max(part["max_levels"] for part in self._parts),
            "psnr_mean": decibels / changed if changed else None,
            "changed": changed,
        }
