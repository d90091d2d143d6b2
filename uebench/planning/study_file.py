"""A study as a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from uebench.errors import UsageError, nearest
from uebench.planning.grid_file import read_toml
from uebench.planning.study import Entry, StudyAttacker, StudyData, StudyMethod, StudySpec
from uebench.plugins import presets
from uebench.plugins.registry import validate

E = TypeVar("E", bound=Entry)


def read_study(file: Path) -> StudySpec:
    """Return the study of a TOML file.

    Raises:
        UsageError: If the file is not a study; the message names the entry at fault.
        DataError: If the file cannot be read.
    """
    options = {"title": file.stem, "label": f"tab:{file.stem}", **read_toml(file, StudySpec.model_fields)}
    preset = presets.get(str(options.get("preset", presets.DEFAULT)))
    options.setdefault("data", [preset.data])
    options["data"] = _entries(file, "data", options, "set", StudyData)
    options["method"] = _entries(file, "method", options, "method", StudyMethod)
    options["attacker"] = _entries(file, "attacker", options, "attacker", StudyAttacker)
    spec: StudySpec = validate(StudySpec, options, str(file))
    names = [one.name for one in (spec.reference, *spec.methods)]
    if spec.baseline and spec.baseline not in names:
        raise UsageError(
            f"{file}: baseline {spec.baseline!r} is no method of this study; {nearest(spec.baseline, names)}"
        )
    return spec


def _entries(file: Path, kind: str, options: Mapping[str, Any], field: str, model: type[E]) -> tuple[E, ...]:
    """Return the entries of one kind; a text alone names itself."""
    given = options.get(kind) or ()
    if not isinstance(given, list) or not given:
        raise UsageError(f"{file}: no {kind} given; add [[{kind}]] with {field} = ...")
    entries: dict[str, E] = {}
    for number, one in enumerate(given, 1):
        where = f"{file}: {kind} {number}"
        values = {field: one} if isinstance(one, str) else one
        if not isinstance(values, dict) or field not in values:
            raise UsageError(f"{where}: it has no {field}; add {field} = ...")
        entry = validate(model, {"name": values[field], **values}, where)
        if entry.name in entries:
            raise UsageError(f"{where}: the name {entry.name!r} is taken; give it another name")
        entries[entry.name] = entry
    return tuple(entries.values())
