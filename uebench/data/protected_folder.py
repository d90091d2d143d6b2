"""The protected copies of a folder of photographs on disk: PNG files and a manifest."""

from __future__ import annotations

import hashlib
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

from uebench.data.folders import contents, identities, is_folder
from uebench.data.images import image_digest, image_stamp, perturbed, png, read_image
from uebench.errors import DataError, StoreError, UsageError, in_words
from uebench.hashing import digest
from uebench.regular_files import is_regular, read_regular
from uebench.store.atomic import publish

MANIFEST = "protected.json"
PAUSE = 10.0
"""The least seconds between two writes of the manifest, from which a killed call resumes."""
SHARE = 0.02
"""The largest share of the time that these writes may take: the manifest names every copy."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph to protect: its file, its identity's number, and the path of its copy in the target folder."""

    file: Path
    label: int
    copy: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive photographs.

    Attributes:
        photographs: The photographs.
        first: The row of the first one among all photographs.
        digests: The digests of their files.
        images: (B, 3, S, S) uint8, their pixels.
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
        DataError: If there are none, or if it is unclear whom they show.
    """
    if not is_folder(source):
        raise DataError(f"{source}: no such folder")
    inside = contents(source)
    if inside.folders and inside.photographs:
        raise DataError(f"{inside.photographs[0]}: lies beside the folders of identities; move it into one of them")
    people = identities(source) if inside.folders else {source.resolve().name: inside.photographs}
    if not any(people.values()):
        if inside.unread:
            raise DataError(f"{source}: contains no supported image: {inside.unread}")
        raise DataError(f"{source}: no image in it; pass a folder of photographs, or one with a folder per identity")
    photographs = {}
    for label, (name, files) in enumerate(people.items()):
        copies = [Path(name if inside.folders else "", f"{file.stem}.png") for file in files]
        if twice := next((copy for copy, times in Counter(copies).items() if times > 1), None):
            raise DataError(f"{source / twice.parent}: two photographs are named {twice.stem!r}; rename one")
        photographs[name] = [Photograph(file, label, copy) for file, copy in zip(files, copies, strict=True)]
    return photographs


def check_can_be_copied(source: Path, people: Mapping[str, Sequence[Photograph]]) -> None:
    """Refuse links, which may lead outside the folder, and an identity with the name of the manifest.

    Args:
        source: See ``photographs_in``.
        people: The photographs.

    Raises:
        DataError: If one is a link or lies in one, or if an identity has the name of the manifest.
    """
    for photograph in chain.from_iterable(people.values()):
        for path in (photograph.file.parent, photograph.file):
            if path != source and path.is_symlink():
                raise DataError(
                    f"{path}: is a link, and protect does not follow links; replace it with the file or folder it "
                    "points to"
                )
        if photograph.copy.parts[0] == MANIFEST:
            raise DataError(
                f"{source / MANIFEST}: has the name of the file that describes the copies; rename the folder"
            )


def left_out(source: Path) -> list[Path]:
    """Return what is not protected: files without the suffix of an image, and folders whose names begin with ``_``.

    Hidden files and folders, whose names begin with a dot, are not listed.

    Args:
        source: See ``photographs_in``.
    """
    inside = contents(source)
    return inside.others + [path for folder in inside.folders.values() for path in contents(folder).others]


def request_digest(manifest: Mapping[str, Any], photographs: Sequence[Photograph]) -> str:
    """Return a digest of the request: the method and its options, and every photograph's size and time.

    Args:
        manifest: The manifest before work starts.
        photographs: All photographs to protect.

    Raises:
        DataError: If a photograph cannot be read.
    """
    stamps = [[str(photograph.copy), *image_stamp(photograph.file)] for photograph in photographs]
    return digest([manifest, stamps])


def decode(photographs: Sequence[Photograph], first: int, size: int) -> Chunk:
    """Read some photographs.

    Args:
        photographs: Consecutive photographs.
        first: The row of the first one among all photographs.
        size: Height and width in pixels.

    Raises:
        DataError: If a file cannot be read; the message names it.
    """
    images = [read_image(photograph.file, size) for photograph in photographs]
    return Chunk(photographs, first, [image_digest(photograph.file) for photograph in photographs], np.stack(images))


class ProtectedFolder:
    """The folder of the protected copies."""

    def __init__(self, target: Path) -> None:
        """Set the path; ``begin`` is the first to touch the folder."""
        self.target = target
        self.pairs: dict[str, str] = {}
        """The finished copies: for each, the digest of its photograph's digest and its own digest."""
        self._next = 0.0

    def begin(self, source: Path | None, manifest: Mapping[str, Any]) -> None:
        """Create the folder, or continue with it if an interrupted call for the same request created it.

        A folder that holds nothing but a manifest, because an earlier call failed before its first copy, is as good as
        an empty one.

        Args:
            source: The folder whose photographs are protected, if there is one; the target must not be inside it.
            manifest: The manifest; its ``request`` tells requests apart.

        Raises:
            StoreError: If the folder cannot be written.
            UsageError: If it holds something else, or has a link in place of an identity's folder.
        """
        target = self.target
        try:
            if source and target.resolve().is_relative_to(source.resolve()):
                raise UsageError(f"{target}: lies in {source}, whose photographs are protected; choose another folder")
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                existing = json.loads(read_regular(target / MANIFEST))
                if existing["request"] == manifest["request"]:
                    self.pairs = dict(existing.get("copies", {}))
                elif not isinstance(existing["request"], str) or _holds_files(target):
                    raise ValueError  # of something else, which this call must not replace
        except OSError as error:
            if isinstance(error, FileNotFoundError) and target.is_dir():  # there is no manifest
                raise UsageError(f"{target}: is not empty; choose a new folder") from None
            raise StoreError(f"{target}: cannot be used ({in_words(error)})") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(
                f"{target}: holds no copies of these photographs with these options; choose a new folder"
            ) from None
        except RuntimeError:  # links in a circle, or a manifest with too many nested brackets
            raise UsageError(f"{target}: cannot be used; choose a new folder") from None
        for name in manifest["identities"]:
            if (target / name).is_symlink():
                raise UsageError(f"{target / name}: is a link, which protect does not write through; remove it")
        if not self.pairs:
            self.write_manifest(manifest)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which says how the copies were made.

        Raises:
            StoreError: If it cannot be written.
        """
        self.write(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")

    def keep(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest with the copies finished so far, unless it was written a short time ago.

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
        """Return whether all copies of a chunk are finished and made from the current photographs.

        A copy that the manifest does not list counts as missing, because its origin is unknown.

        Raises:
            DataError: If a copy or its photograph has changed since the manifest was written.
        """
        complete = True
        for photograph, clean in zip(chunk.photographs, chunk.digests, strict=True):
            file, pair = self.target / photograph.copy, self.pairs.get(photograph.copy.as_posix())
            if pair is None or not is_regular(file):
                complete = False
            elif pair != _pair(clean, image_digest(file)):
                raise DataError(
                    f"{file}: this copy or its photograph {photograph.file} has changed; delete the copy and run again"
                )
        return complete

    def save(self, chunk: Chunk, delta: NDArray[np.int16]) -> None:
        """Write the copies of some photographs.

        Args:
            chunk: The photographs.
            delta: (B, 3, S, S): protected minus clean, in grey levels.

        Raises:
            StoreError: If one cannot be written.
        """
        protected = perturbed(chunk.images, delta)
        for photograph, clean, pixels in zip(chunk.photographs, chunk.digests, protected, strict=True):
            content = png(pixels)
            self.write(photograph.copy, content)
            self.pairs[photograph.copy.as_posix()] = _pair(clean, hashlib.sha256(content).hexdigest())

    def read_delta(self, chunk: Chunk) -> NDArray[np.int16]:
        """Return the perturbation (B, 3, S, S) of finished copies, protected minus clean in grey levels."""
        size = chunk.images.shape[-1]
        copies = [read_image(self.target / photograph.copy, size) for photograph in chunk.photographs]
        delta: NDArray[np.int16] = np.stack(copies).astype(np.int16) - chunk.images
        return delta

    def write(self, name: str | Path, content: bytes) -> None:
        """Write a file into the folder; a link in its place is replaced, not followed.

        Raises:
            StoreError: If it cannot be written.
        """
        file = self.target / name
        try:
            publish(file, content, to_disk=False)
        except OSError as error:
            raise StoreError(f"{file}: cannot be written ({in_words(error)})") from None


def _pair(photograph: str, copy: str) -> str:
    """Return a joint digest of a photograph and its copy, so that the published manifest hides the photograph's own."""
    return digest([photograph, copy])


def joint_audit(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the largest change in grey levels, the mean PSNR in dB and the number of images that changed.

    Args:
        parts: The ``metrics.audit`` of each chunk.
    """
    changed = sum(part["changed"] for part in parts)
    decibels = sum(part["changed"] * part["psnr_mean"] for part in parts if part["changed"])
    return {
        "max_levels": max(part["max_levels"] for part in parts),
        "psnr_mean": decibels / changed if changed else None,
        "changed": changed,
    }


def _holds_files(target: Path) -> bool:
    return any(not path.is_dir() for path in target.rglob("*") if path != target / MANIFEST)
