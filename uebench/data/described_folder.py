"""A folder of images with the manifest that describes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Generic

from uebench.data.protected_manifest import MANIFEST, Earlier, M
from uebench.errors import StoreError, UsageError, in_words
from uebench.regular_files import read_regular
from uebench.store.atomic import publish


class DescribedFolder(Generic[M]):
    """A folder of images with a manifest.

    Attributes:
        target: The folder.
        manifest: What is known of the images so far.
    """

    def __init__(self, target: Path, manifest: M) -> None:
        """Set the path and the manifest; ``begin`` is the first to touch the folder."""
        self.target, self.manifest = target, manifest

    def begin(self, source: Path | None = None) -> dict[str, str]:
        """Create the folder, or continue with it if an interrupted call for the same request created it.

        A folder that holds nothing but a manifest, because an earlier call failed before its first image, is as good as
        an empty one.

        Args:
            source: The folder whose photographs are protected, if there is one; the target must not be inside it.

        Returns:
            The copies that an earlier call finished, as its manifest names them.

        Raises:
            StoreError: If the folder cannot be written.
            UsageError: If it holds something else, or has a link in place of an identity's folder.
        """
        target, copies = self.target, dict[str, str]()
        try:
            if source and target.resolve().is_relative_to(source.resolve()):
                raise UsageError(f"{target}: lies in {source}, whose photographs are protected; choose another folder")
            target.mkdir(parents=True, exist_ok=True)
            if any(target.iterdir()):
                existing = Earlier.model_validate(json.loads(read_regular(target / MANIFEST)))
                if existing.request == self.manifest.request:
                    copies = existing.copies
                elif _holds_files(target):
                    raise ValueError  # of something else, which this call must not replace
        except OSError as error:
            if isinstance(error, FileNotFoundError) and target.is_dir():  # there is no manifest
                raise UsageError(f"{target}: is not empty; choose a new folder") from None
            raise StoreError(f"{target}: cannot be used ({in_words(error)})") from None
        except ValueError:
            raise UsageError(
                f"{target}: holds no images of these photographs with these options and code; choose a new folder"
            ) from None
        except RuntimeError:  # links in a circle, or a manifest with too many nested brackets
            raise UsageError(f"{target}: cannot be used; choose a new folder") from None
        for name in self.manifest.identities:
            if (target / name).is_symlink():
                raise UsageError(f"{target / name}: is a link, which uebench does not write through; remove it")
        if not copies:
            self.write_manifest()
        return copies

    def write_manifest(self) -> None:
        """Write the manifest, which says how the images were made.

        Raises:
            StoreError: If it cannot be written.
        """
        self.write(MANIFEST, json.dumps(self.manifest.stored(), indent=1, sort_keys=True).encode() + b"\n")

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


def _holds_files(target: Path) -> bool:
    return any(not path.is_dir() for path in target.rglob("*") if path != target / MANIFEST)
