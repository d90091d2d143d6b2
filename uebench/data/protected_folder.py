"""Protected copies of a folder of photographs, as they lie on disk: PNG files and a manifest beside them."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from uebench.data.folders import contents, identities, is_folder
from uebench.data.images import image_digest, perturbed, read_image
from uebench.errors import DataError, StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.metrics import audit
from uebench.regular import is_regular, read_regular
from uebench.store.atomic import publish

MANIFEST = "protected.json"
PAUSE = 10.0
"""Seconds after which the manifest is written again, at least: a killed call resumes there."""
SHARE = 0.02
"""What this may take of the time: the manifest names every copy."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph to protect: its file, its identity's number, and where its copy goes in the target folder."""

    file: Path
    label: int
    copy: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some photographs, the row of the first among all, the digests of their files, and their pixels.

    The pixels are (B, 3, S, S) uint8.
    """

    photographs: Sequence[Photograph]
    first: int
    digests: Sequence[str]
    images: NDArray[np.uint8]


def photographs_in(source: Path) -> dict[str, list[Photograph]]:
    """Return the photographs of each identity by name, in natural order.

    Args:
        source: One folder per identity, or the photographs of one person.

    Raises:
        DataError: If there are none, if it is unclear whom they show, or if one is a link: what lies outside of the
            folder stays outside.
    """
    if not is_folder(source):
        raise DataError(f"{source}: no such folder")
    inside = contents(source)
    if inside.folders and inside.photographs:
        raise DataError(f"{inside.photographs[0]}: lies beside the folders of identities; move it into one of them")
    people = identities(source) if inside.folders else {source.resolve().name: inside.photographs}
    if not any(people.values()):
        raise DataError(f"{source}: no image in it; pass a folder of photographs, or one with a folder per identity")
    links = (path for path in chain(inside.folders.values(), *people.values()) if path.is_symlink())
    if link := next(links, None):
        raise DataError(f"{link}: is a link, which protect does not follow; replace it by what it leads to")
    if inside.folders and MANIFEST in people:
        raise DataError(f"{source / MANIFEST}: has the name of the file that describes the copies; rename the folder")
    found = {}
    for label, (name, files) in enumerate(people.items()):
        copies = [Path(name if inside.folders else "", f"{file.stem}.png") for file in files]
        if twice := next((copy for copy, times in Counter(copies).items() if times > 1), None):
            raise DataError(f"{source / twice.parent}: two photographs are named {twice.stem!r}; rename one")
        found[name] = [Photograph(file, label, copy) for file, copy in zip(files, copies, strict=True)]
    return found


def left_out(source: Path) -> list[Path]:
    """Return what in a folder is not protected: files that are not photographs by suffix, and folders as of ``_name``.

    What is hidden by a dot is not mentioned.

    Args:
        source: As ``photographs_in`` takes it.
    """
    inside = contents(source)
    return inside.others + [path for folder in inside.folders.values() for path in contents(folder).others]


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
    images = [read_image(photograph.file, size) for photograph in photographs]
    return Chunk(photographs, first, [image_digest(photograph.file) for photograph in photographs], np.stack(images))


class ProtectedFolder:
    """The folder that the copies go to."""

    def __init__(self, target: Path) -> None:
        """Name the folder; nothing is touched until ``begin``."""
        self.target = target
        self.pairs: dict[str, str] = {}
        """The copies that are known to be here: for each, the digest of its photograph's digest and its own."""
        self._next = 0.0

    def begin(self, source: Path | None, manifest: Mapping[str, Any]) -> None:
        """Make the folder, or take it over if an interrupted call for the same request began it.

        Args:
            source: The folder whose photographs are protected, if there is one; the target must not lie in it.
            manifest: With the ``request`` that tells two of them apart.

        Raises:
            StoreError: If the folder cannot be written.
            UsageError: If it holds something else, or a link in the place of an identity's folder.
        """
        target = self.target
        try:
            if source and target.resolve().is_relative_to(source.resolve()):
                raise UsageError(f"{target}: lies in {source}, whose photographs are protected; choose another folder")
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                there = json.loads(read_regular(target / MANIFEST))
                if there["request"] != manifest["request"]:
                    raise ValueError
                self.pairs = dict(there.get("copies", {}))
        except FileNotFoundError:
            raise UsageError(f"{target}: is not empty; choose a new folder") from None
        except OSError as error:
            raise StoreError(f"{target}: cannot be used ({in_words(error)})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{target}: holds the result of a different request; choose a new folder") from None
        except RuntimeError:  # links in a circle, or brackets in brackets in the manifest
            raise UsageError(f"{target}: cannot be used; choose a new folder") from None
        for name in manifest["identities"]:
            if (target / name).is_symlink():
                raise UsageError(f"{target / name}: is a link, which protect does not write through; remove it")
        if not self.pairs:
            self.write_manifest(manifest)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write how the copies were made.

        Raises:
            StoreError: If it cannot be written.
        """
        self.write(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")

    def keep(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest with the copies that are here by now, unless the last one is too young.

        Raises:
            StoreError: If it cannot be written.
        """
        began = time.monotonic()
        if began < self._next:
            return
        self.write_manifest({**manifest, "copies": dict(self.pairs)})
        ended = time.monotonic()
        self._next = ended + max(PAUSE, (ended - began) / SHARE)

    def holds(self, chunk: Chunk) -> bool:
        """Return whether all copies of a chunk are here already, made of the photographs of today.

        A copy that the manifest does not mention counts as missing: it may be anything.

        Raises:
            DataError: If a copy, or its photograph, is not the one that the manifest means.
        """
        whole = True
        for photograph, clean in zip(chunk.photographs, chunk.digests, strict=True):
            file, pair = self.target / photograph.copy, self.pairs.get(photograph.copy.as_posix())
            if pair is None or not is_regular(file):
                whole = False
            elif pair != _pair(clean, image_digest(file)):
                raise DataError(
                    f"{file}: this copy or its photograph {photograph.file} has changed; delete the copy and run again"
                )
        return whole

    def save(self, chunk: Chunk, delta: NDArray[np.int16]) -> None:
        """Write the copies of some photographs.

        Args:
            chunk: The photographs.
            delta: (B, 3, S, S): protected minus clean, in grey levels.

        Raises:
            StoreError: If one cannot be written.
        """
        made = perturbed(chunk.images, delta)
        for photograph, clean, pixels in zip(chunk.photographs, chunk.digests, made, strict=True):
            encoded = io.BytesIO()
            Image.fromarray(pixels.transpose(1, 2, 0)).save(encoded, "PNG", compress_level=1)
            content = encoded.getvalue()
            self.write(photograph.copy, content)
            self.pairs[photograph.copy.as_posix()] = _pair(clean, hashlib.sha256(content).hexdigest())

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


def _pair(photograph: str, copy: str) -> str:
    """Return one digest for a photograph and its copy: the manifest is published, and tells nobody the photograph's."""
    return digest([photograph, copy])


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
