"""Names that tables print, or that the paper uses, and that are no data set as they stand: how to write it instead."""

from __future__ import annotations

import re
from pathlib import Path

from uebench.data.builders.catalogue import BUILDERS
from uebench.data.folders import is_folder
from uebench.plugins.spec import Spec, Value

_COUNTED = re.compile(r"(orl_varied|orl|synthetic)(\d{1,9})")
_PART = re.compile(
    r"(?P<folder>.+?)(?P<cut>\[(?P<begin>\d{0,9}):(?P<end>\d{0,9})\])?"
    r"(?P<validation> validation)?(?P<repeats> without repeats)?"
)


def advice(name: str) -> str:
    """Return how to write the data set that a name stands for, or nothing if the name says nothing.

    Args:
        name: What a user wrote, and what is neither a folder nor a source.
    """
    if name in BUILDERS:
        return f"is not here; uebench data build {name} --from RAW --out {name} makes it, then write ./{name}"
    if counted := _COUNTED.fullmatch(name):
        return _written(Spec(counted[1], {"identities": int(counted[2])}))
    part = _PART.fullmatch(name)
    if not part or not (part["cut"] or part["validation"] or part["repeats"]):
        return ""
    folder, begin = part["folder"], int(part["begin"] or 0)
    options: dict[str, Value] = {"path": folder if is_folder(Path(folder)) else f"PATH/{Path(folder).name}"}
    if begin:
        options["first"] = begin + 1
    if part["end"]:
        options["identities"] = int(part["end"]) - begin
    if part["validation"]:
        options["validation"] = 0.2
    if part["repeats"]:
        options["repeats"] = "drop"
    return _written(Spec("folder", options))


def _written(spec: Spec) -> str:
    return f"is a name in tables; write '{spec}'"
