"""The data sets behind the names that tables print or that the paper uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from uebench.data.builders.catalogue import BUILDERS
from uebench.data.folders import expanded, is_folder
from uebench.errors import UsageError
from uebench.plugins.spec import Spec, Value

if TYPE_CHECKING:
    from uebench.plugins.registry import Registry

_COUNTED = re.compile(r"\d{1,9}")
_LATER = re.compile(r"\[(\d{1,9}):(\d{1,9})\]")
_PART = re.compile(
    r"(?P<folder>.+?)(?P<cut>\[(?P<begin>\d{0,9}):(?P<end>\d{0,9})\])?"
    r"(?P<validation> validation)?(?P<repeats> without repeats)?"
)


def source_of_label(name: str, registry: Registry) -> Spec | None:
    """Return the source that a name in a table stands for, such as ``orl40`` or ``faces50[:10] validation``.

    Options that do not show in the name have their defaults. A validation set is a fifth of the training photographs.

    Args:
        name: A name that is neither a folder nor a source. The folder in it may have a path.
        registry: The registry that knows the sources.

    Returns:
        The source, or None if the name is not of this form.

    Raises:
        UsageError: If the data set is not here; the message says how to get it or how to give its path.
    """
    if counted := _counted(name, registry):
        return counted
    part = _PART.fullmatch(name)
    if not part:
        return None
    folder, begin = part["folder"], int(part["begin"] or 0)
    is_part, is_here = any(part[one] for one in ("cut", "validation", "repeats")), is_folder(expanded(Path(folder)))
    if folder in BUILDERS and not is_here:
        raise UsageError(
            f"data {name!r}: is not here; uebench data build {folder} --from RAW --out {folder} makes it, then write "
            f"./{name}"
        )
    if not is_part:
        return None
    options: dict[str, Value] = {"path": folder if is_here else f"PATH/{Path(folder).name}"}
    if begin:
        options["first"] = begin + 1
    if part["end"]:
        if int(part["end"]) <= begin:
            raise UsageError(f"data {name!r}: holds nobody; [{begin}:{begin + 2}] would be two identities")
        options["identities"] = int(part["end"]) - begin
    if part["validation"]:
        options["validation"] = 0.2
    if part["repeats"]:
        options["repeats"] = "drop"
    spec = Spec("folder", options)
    if not is_here:
        raise UsageError(f"data {name!r}: there is no folder {folder!r} here; write '{spec}'")
    return spec


def folder_of(name: str) -> str:
    """Return the folder in a name that a table prints: ``faces50`` for ``faces50[:10] validation``."""
    part = _PART.fullmatch(name)
    return part["folder"] if part else name


def as_folder(name: str, registry: Registry) -> str:
    """Return a name that tables print for a folder so that it means no source: ``./orl``.

    Args:
        name: The name, such as ``faces`` or ``orl[:10]``.
        registry: The registry that knows the sources.
    """
    is_source = ("source", folder_of(name)) in registry or _counted(name, registry)
    return f"./{name}" if is_source else name


def _counted(name: str, registry: Registry) -> Spec | None:
    """Return the source and its identities in a name such as ``orl40`` or ``orl[10:40]``; None for any other name.

    The source has an option ``identities``, an option ``first`` for the second form, and no required option.
    """
    for source in sorted(registry.names("source"), key=len, reverse=True):  # orl_varied before orl
        rest = name.removeprefix(source)
        if rest == name:
            continue
        if _COUNTED.fullmatch(rest):
            options: dict[str, Value] = {"identities": int(rest)}
        elif later := _LATER.fullmatch(rest):
            begin, end = int(later[1]), int(later[2])
            options = {"first": begin + 1, "identities": end - begin}
        else:
            continue
        fields = registry.entry("source", source).plugin.Config.model_fields
        if options.keys() <= fields.keys() and not any(field.is_required() for field in fields.values()):
            return Spec(source, options)
    return None
