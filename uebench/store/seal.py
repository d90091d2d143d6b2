"""Records as files: JSON whose first line is the digest of all the others. What does not match is not believed."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from pydantic import ValidationError

from uebench.errors import StoreError, in_words
from uebench.regular import read_regular
from uebench.store.record import FORMAT, Failure, ProtectionRecord, Record
from uebench.store.summary import Summary

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", Record, ProtectionRecord, Summary)

NOT_A_FILE = (errno.EINVAL, errno.ELOOP, errno.ENXIO)
"""What the system says of something that is no regular file; the last of a socket."""


class DamagedError(StoreError):
    """A stored file is not what was written there."""

    def __init__(self, path: Path, fault: str) -> None:
        """Name the file, and say in a few words what is wrong with it."""
        super().__init__(path, " ".join(fault.replace(";", ",").split()))

    @property
    def fault(self) -> str:
        """Return what is wrong with which file, without the remedy."""
        path, fault = self.args
        return f"{path}: {fault}"

    def __str__(self) -> str:
        """Return the same with the remedy."""
        return f"{self.fault}; run its command again to recompute it"


def unless_damaged(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return what ``read`` gives, or None if there is nothing or it is damaged."""
    try:
        return read(*args, **kwargs)
    except DamagedError:
        return None


def sealed(record: Record | ProtectionRecord) -> bytes:
    """Return a record as the content of its file."""
    content = record.model_dump(mode="json")
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False)
    rest = text.removeprefix("{\n").encode() + b"\n"
    return _seal(rest) + b"\n" + rest


def parse(path: Path, content: bytes, model: type[R]) -> R:
    """Return the record that a file holds.

    Args:
        path: Where it lies; the name is its key.
        content: The content of the file.
        model: What kind of record belongs there.

    Raises:
        DamagedError: If the content does not match its digest, is no such record, or is that of another key.
        StoreError: If a newer version of uebench wrote it.
    """
    head, _, rest = content.partition(b"\n")
    if head != _seal(rest):
        raise DamagedError(path, "damaged record (content and digest differ)")
    try:
        record = model.model_validate_json(b"{" + rest)
    except ValidationError as error:
        _refuse_newer(path, rest)
        raise DamagedError(path, f"damaged record ({complaint(error)})") from None
    key = record.protect_key if isinstance(record, ProtectionRecord) else record.key
    if (path.parent.name, path.stem) != (key[:2], key):
        raise DamagedError(path, f"damaged record (it belongs to the key {key[:12]})")
    return record


def load(path: Path, model: type[R]) -> R | None:
    """Read a record as ``parse`` does; None if there is none.

    Raises:
        DamagedError: As ``parse``, and if something other than a file is there.
        StoreError: If it cannot be read, or a newer version of uebench wrote it.
    """
    content = content_of(path, "record")
    return None if content is None else parse(path, content, model)


def load_failure(path: Path) -> Failure | None:
    """Read why a cell failed, from ``failed.json`` in the folder that its key names; None if there is no such file.

    Raises:
        DamagedError: If it is something else.
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


def content_of(path: Path, what: str) -> bytes | None:
    """Return the content of a file, or None if there is none.

    Args:
        path: The file.
        what: What it is called, for the complaint.

    Raises:
        DamagedError: If something other than a file is there.
        StoreError: If it cannot be read.
    """
    try:
        return read_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in NOT_A_FILE:
            raise DamagedError(path, f"damaged {what} ({in_words(error)})") from None
        raise unusable(path, error) from None


def unusable(path: Path, error: OSError) -> StoreError:
    """Return an error of the system as one line with its remedy."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "free space and run again" if full else "choose another results folder"
    return StoreError(f"{path}: cannot be used ({in_words(error)}); {remedy}")


def complaint(error: ValidationError) -> str:
    """Return the first complaint of pydantic in a few words: ``counts.n: input should be ...``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}".removeprefix(": ")[:200]


def _seal(rest: bytes) -> bytes:
    return b'{"digest": "%s",' % hashlib.sha256(rest).hexdigest().encode()


def _refuse_newer(path: Path, rest: bytes) -> None:
    """Refuse a record that is no damage, but of a format that only a newer version reads."""
    try:
        found = json.loads(b"{" + rest)["format"]
    except (ValueError, KeyError, RecursionError):
        return
    if type(found) is int and found > FORMAT:
        raise StoreError(
            f"{path}: has record format {found}, and this version of uebench reads format {FORMAT} only; "
            "upgrade uebench (pip install --upgrade uebench)"
        )
