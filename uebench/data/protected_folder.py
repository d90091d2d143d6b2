"""The protected copies of a folder of photographs on disk: PNG files and a manifest."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uebench.data.described_folder import DescribedFolder
from uebench.data.images import perturbed, png, read_image
from uebench.data.photographs import Chunk
from uebench.data.protected_manifest import MANIFEST, Earlier, FolderAudit, Manifest
from uebench.errors import DataError, StoreError
from uebench.hashing import digest, file_digest, file_state
from uebench.regular_files import is_regular, read_regular
from uebench.store.record_parts import SideInformationRecord

PAUSE = 10.0
"""The least seconds between two writes of the manifest, from which a killed call resumes."""
SHARE = 0.02
"""The largest share of the time that these writes may take: the manifest names every copy."""


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

    def begin(self, source: Path | None = None) -> dict[str, str]:
        """Create the folder, or continue with it; see ``DescribedFolder``. No other call may take it over later."""
        self._written = self._state()
        self.pairs = super().begin(source)
        return self.pairs

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
