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

from uebench.data.described_folder import DescribedFolder
from uebench.data.folders import contents, identities, is_folder
from uebench.data.images import image_stamp, perturbed, png, read_image
from uebench.data.protected_manifest import MANIFEST, Earlier, FolderAudit, Manifest
from uebench.errors import DataError, StoreError
from uebench.hashing import digest, file_digest, file_state
from uebench.regular_files import is_regular, read_regular
from uebench.store.record_parts import SideInformationRecord

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


def stamps(photographs: Sequence[Photograph]) -> list[list[str | int]]:
    """Return the path of the copy of each photograph, and numbers that change when the photograph does.

    Raises:
        DataError: If a photograph cannot be read.
    """
    return [[str(photograph.copy), *image_stamp(photograph.file)] for photograph in photographs]


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
    return Chunk(photographs, first, [file_digest(photograph.file) for photograph in photographs], np.stack(images))


class ProtectedFolder(DescribedFolder[Manifest]):
    """The folder of the protected copies."""

    pairs: dict[str, str]
    """The finished copies: for each, the digest of its photograph's digest and its own digest."""

    def __init__(self, target: Path, manifest: Manifest) -> None:
        """Set the path and the manifest; ``begin`` is the first to touch the folder."""
        super().__init__(target, manifest)
        self.pairs = {}
        self._next = 0.0
        self._written: tuple[int, ...] = ()

    def begin(self, source: Path | None = None) -> None:
        """Create the folder, or continue with it; see ``DescribedFolder``. No other call may take it over later."""
        self._written = self._state()
        super().begin(source)

    def resume(self, copies: dict[str, str]) -> None:
        """Take over the finished copies of an earlier call."""
        self.pairs = dict(copies)

    def discard(self) -> None:
        """Count no copy as finished, so that a later call makes all of them again."""
        self.pairs.clear()

    def finish(self, audit: FolderAudit, side: SideInformationRecord | None) -> None:
        """Add to the manifest what is known when all copies are finished.

        Args:
            audit: The measured change.
            side: The record of the labels that the method saw; None for the true ones.
        """
        known: dict[str, Any] = {"audit": audit}
        if side:
            known["side_information"] = side.model_dump(mode="json", exclude_none=True)
        self.manifest = self.manifest.model_copy(update=known)

    def write_manifest(self) -> None:
        """Write the manifest with the copies finished so far.

        Raises:
            StoreError: If it cannot be written, or a call for another request has written its own there since.
        """
        self._check_own()
        self.manifest = self.manifest.model_copy(update={"copies": dict(self.pairs)})
        super().write_manifest()
        self._written = self._state()

    def keep(self) -> None:
        """Write the manifest, unless it was written a short time ago.

        Raises:
            StoreError: If it cannot be written, or a call for another request has written its own there since.
        """
        self._check_own()
        began = time.monotonic()
        if began < self._next:
            return
        self.write_manifest()
        ended = time.monotonic()
        self._next = ended + max(PAUSE, (ended - began) / SHARE)

    def _check_own(self) -> None:
        """Check that no call for another request has written its manifest into the folder since this one did.

        Raises:
            StoreError: If one has.
        """
        if self._state() in (self._written, ()):
            return
        try:
            request = Earlier.model_validate(json.loads(read_regular(self.target / MANIFEST))).request
        except (OSError, ValueError, RecursionError):
            request = ""
        if request != self.manifest.request:
            raise StoreError(f"{self.target}: another uebench command has begun to write there; choose a new folder")

    def _state(self) -> tuple[int, ...]:
        """Return numbers that change when the manifest is written; none if there is no manifest."""
        try:
            return file_state(self.target / MANIFEST)
        except OSError:
            return ()

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
            elif pair != _pair(clean, file_digest(file)):
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


def _pair(photograph: str, copy: str) -> str:
    """Return a joint digest of a photograph and its copy, so that the published manifest hides the photograph's own."""
    return digest([photograph, copy])
