"""The manifest of a built set: the origin and digest of every file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from uebench.data.builders.model import SplitName
from uebench.errors import DataError, in_words
from uebench.hashing import digest, file_digest
from uebench.plugins.base import Config
from uebench.regular_files import read_regular

NAME = "manifest.json"
AGAIN = "build the set again in another folder"


class BuiltFile(Config):
    """One image.

    Attributes:
        path: Its path in the set.
        source: The path of its original, relative to the raw folder.
        sha256: Digest of its bytes.
        split: ``train`` or ``test``.
        identity: 0..K-1.
    """

    path: str = Field(pattern=r"^(train|test)/\d+/\d+\.\w+$")
    source: str
    sha256: str
    split: SplitName
    identity: int


class Manifest(Config):
    """How a set was built.

    Attributes:
        format: Version of the file format.
        builder: Name of the builder.
        version: Version of the builder.
        seed: Seed of the draw.
        counts: ``identities``, ``train`` and ``test`` (images).
        files: The images, training first.
    """

    format: Literal[1] = 1
    builder: str
    version: int
    seed: int
    counts: dict[str, int]
    files: tuple[BuiltFile, ...]

    def text(self) -> str:
        """Return the content of the file, which includes a digest of the other fields."""
        content = self.model_dump(mode="json")
        return json.dumps({**content, "digest": digest(content)}, indent=1, sort_keys=True) + "\n"


def is_built(folder: Path) -> bool:
    """Return whether a folder is a built set: it has a manifest, and not one of another program.

    A manifest that is not even JSON counts as a damaged one, and ``read`` then says so.
    """
    try:
        content = json.loads(read_regular(folder / NAME))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, RecursionError):
        return True
    return isinstance(content, dict) and {"builder", "files"} <= content.keys()


def read(folder: Path) -> Manifest:
    """Read the manifest of a set.

    Raises:
        DataError: If there is none, or if it does not match its digest.
    """
    file = folder / NAME
    try:
        content = json.loads(read_regular(file))
        if content.pop("digest") == digest(content):
            return Manifest.model_validate(content)
    except FileNotFoundError:
        raise DataError(f"{folder}: no {NAME}; name a folder that uebench data build wrote") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    except (ValueError, KeyError, AttributeError, TypeError, ValidationError, RecursionError):
        pass
    raise DataError(f"{file}: damaged (content and digest differ); {AGAIN}")


def verify(folder: Path) -> Manifest:
    """Compare a set with its manifest.

    Raises:
        DataError: If a file is missing, differs, or does not belong to the set; the message names the first such file.
    """
    manifest = read(folder)
    for entry in manifest.files:
        file = folder / entry.path
        if file_digest(file, AGAIN) != entry.sha256:
            raise DataError(f"{file}: differs from the manifest; {AGAIN}")
    known = {folder / entry.path for entry in manifest.files}
    for split in ("train", "test"):
        for file in sorted((folder / split).rglob("*")):
            if file not in known and file.name[0] != "." and not file.is_dir():
                raise DataError(f"{file}: is not in the manifest; remove it")
    return manifest
