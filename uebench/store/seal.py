"""Files of records: JSON whose first line has the digest of all other lines; if it does not match, it is damaged."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from pydantic import ValidationError

from uebench.errors import StoreError, in_words
from uebench.regular_files import MOST, read_regular
from uebench.store.atomic import unusable
from uebench.store.record import FORMAT, Failure, ProtectionRecord, Record
from uebench.store.summary import Summary

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", Record, ProtectionRecord, Summary)

NOT_A_FILE = (errno.EINVAL, errno.ELOOP, errno.ENXIO, errno.EFBIG)
"""Error numbers for something other than a regular file (``ENXIO``: a socket), and for one that is too large."""


class DamagedError(StoreError):
    """A stored file is damaged."""

    def __init__(self, path: Path, fault: str) -> None:
        """Create an error that names the file and what is wrong with it."""
        super().__init__(path, " ".join(fault.replace(";", ",").split()))

    @property
    def path(self) -> Path:
        """Return the file."""
        path: Path = self.args[0]
        return path

    @property
    def fault(self) -> str:
        """Return the file and what is wrong with it, without the remedy."""
        path, fault = self.args
        return f"{path}: {fault}"

    def __str__(self) -> str:
        """Return ``fault`` with the remedy."""
        return f"{self.fault}; run its command again to recompute it"


def unless_damaged(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return the result of ``read``, or None if the file is damaged."""
    try:
        return read(*args, **kwargs)
    except DamagedError:
        return None


def sealed(record: Record | ProtectionRecord) -> bytes:
    """Return the content of the file of a record."""
    content = record.model_dump(mode="json")
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
    rest = text.removeprefix("{\n").encode() + b"\n"
    return _seal(rest) + b"\n" + rest


def load(path: Path, model: type[R]) -> R | None:
    """Read a record; return None if there is no such file.

    Args:
        path: The file.
        model: The kind of record that belongs there.

    Raises:
        DamagedError: If it does not match its digest, or is not such a record or no file at all.
        StoreError: If it cannot be read, or a newer version of uebench wrote it.
    """
    content = content_of(path, "record")
    if content is None:
        return None
    head, _, rest = content.partition(b"\n")
    if head != _seal(rest):
        raise DamagedError(path, "damaged record (content and digest differ)")
    try:
        return model.model_validate_json(b"{" + rest)
    except ValidationError as error:
        _refuse_newer(path, rest)
        raise DamagedError(path, f"damaged record ({complaint(error)})") from None


def load_failure(path: Path) -> Failure | None:
    """Read the failure of a cell or a protected set; return None if there is no such file.

    Args:
        path: The file ``failed.json``; the name of its folder is the key.

    Raises:
        DamagedError: If it is not a failure, or has another key.
        StoreError: If it cannot be read.
    """
    content = content_of(path, "failure")
    if content is None:
        return None
    try:
        failure = Failure.model_validate_json(content)
    except ValidationError as error:
        raise DamagedError(path, f"damaged failure ({complaint(error)})") from None
    if failure.key != path.parent.name:
        raise DamagedError(path, f"damaged failure (it belongs to the key {failure.key[:12]})")
    return failure


def content_of(path: Path, what: str, most: int | None = MOST) -> bytes | None:
    """Return the content of a file, or None if there is none.

    Args:
        path: The file.
        what: The kind of file, for messages.
        most: See ``open_regular``.

    Raises:
        DamagedError: If there is something other than a file.
        StoreError: If it cannot be read.
    """
    try:
        return read_regular(path, most)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, what, error) from None


def unreadable(path: Path, what: str, error: OSError) -> StoreError:
    """Return the error for a file that cannot be read: it is damaged, unless the system may read it later.

    Args:
        path: The file.
        what: The kind of file.
        error: What the system said.
    """
    if error.errno in NOT_A_FILE:
        return DamagedError(path, f"damaged {what} ({in_words(error)})")
    return unusable(path, error)


def complaint(error: ValidationError) -> str:
    """Return the first error of a validation in a few words: ``counts.n: input should be ...``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}: {message[:1].lower()}{message[1:]}".removeprefix(": ")[:200]


def _seal(rest: bytes) -> bytes:
    return b'{"digest": "%s",' % hashlib.sha256(rest).hexdigest().encode()


def _refuse_newer(path: Path, rest: bytes) -> None:
    """Raise an error if a record is not damaged, but has the format of a newer version."""
    try:
        version = json.loads(b"{" + rest)["format"]
    except (ValueError, KeyError, RecursionError):
        return
    if type(version) is int and version > FORMAT:
        raise StoreError(
            f"{path}: has record format {version}, and this version of uebench reads format {FORMAT} only; "
            "upgrade uebench (pip install --upgrade uebench)"
        )
