"""Read studies from TOML files: the user's own, and those that come with the package."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from uebench.errors import UsageError, counted, nearest
from uebench.planning.grid_file import read_toml
from uebench.planning.study import METRICS, Named, StudyAttacker, StudyData, StudyMethod, StudySpec
from uebench.planning.study_reported import read_reported
from uebench.plugins import presets
from uebench.plugins.validation import validate

E = TypeVar("E", bound=Named)

FOLDER = Path(__file__).parents[1] / "studies"
"""The folder of the studies that come with the package."""
ALWAYS = "with_clean"
"""A name of grids that studies read and do not need, because they always have the clean reference."""


def known_studies() -> dict[str, Path]:
    """Return the files of the studies that come with the package, by name."""
    return {file.stem: file for file in sorted(FOLDER.glob("*.toml"))}


def about_studies() -> dict[str, str]:
    """Return one sentence on each study that comes with the package, by name."""
    return {name: read_toml(file, StudySpec.model_fields)["about"] for name, file in known_studies().items()}


def read_study(study: str | Path, data: Iterable[str] = ()) -> StudySpec:
    """Read a study.

    Args:
        study: A TOML file, or the name of a study that comes with the package.
        data: The data sets that it leaves open: ``SET`` if there is one, ``NAME=SET`` for each of several. If it leaves
            none open, these replace its own, under the name given or the text itself.

    Raises:
        UsageError: If there is no such study, or the file is not a valid one; the message names the entry at fault.
        DataError: If a file cannot be read.
    """
    file, what = _file(study)
    given = read_toml(file, [*StudySpec.model_fields, ALWAYS])
    given.pop(ALWAYS, None)
    options = {"title": file.stem, "label": f"tab:{file.stem}", **given}
    preset = presets.get(str(options.get("preset", presets.DEFAULT)))
    options.setdefault("data", [preset.data])
    entries, data = _entries(what, "data", options, "set", StudyData), tuple(data)
    if data and all(entry.set for entry in entries):
        options["data"] = _replaced(what, data, "reported" in options)
    else:
        options["data"] = _filled(what, entries, data)
    options["method"] = _entries(what, "method", options, "method", StudyMethod)
    options["attacker"] = _entries(what, "attacker", options, "attacker", StudyAttacker)
    numbers = options.pop("reported", None)
    spec: StudySpec = validate(StudySpec, options, what)
    spec = spec.model_copy(update={"plugin": tuple(_beside(file, plugin) for plugin in spec.plugin)})
    methods = [one.name for one in (spec.reference, *spec.methods)]
    if spec.baseline and spec.baseline not in methods:
        raise UsageError(
            f"{what}: baseline {spec.baseline!r} is not a method of this study; {nearest(spec.baseline, methods)}"
        )
    for name in spec.metrics:
        if name not in METRICS:
            raise UsageError(f"{what}: unknown metric {name!r}; {nearest(name, METRICS)}")
    if numbers is None:
        return spec
    if not isinstance(numbers, str):
        raise UsageError(f'{what}: reported names no file; write reported = "numbers.csv"')
    names = {
        "method": methods,
        "attacker": [one.name for one in spec.attackers],
        "data": [one.name for one in spec.data],
    }
    return spec.model_copy(update={"reported": read_reported(file.parent / numbers, names)})


def _beside(study: Path, plugin: str) -> str:
    """Return the path of a plugin file that a study names: beside the study, else from the working directory."""
    return str(study.parent / plugin) if (study.parent / plugin).exists() else plugin


def _file(study: str | Path) -> tuple[Path, str]:
    """Return the file of a study, and its name in messages.

    A name that is not a path must be that of a study in the package; messages then use the name.

    Raises:
        UsageError: If the package has no study of that name.
    """
    known, file = known_studies(), Path(study)
    if str(study) in known:
        return known[str(study)], f"study {study}"
    if file.suffix or len(file.parts) > 1 or file.is_file():
        return file, str(file)
    raise UsageError(f"study {str(study)!r}: neither a TOML file nor a study of uebench; {nearest(str(study), known)}")


def _filled(what: str, entries: Sequence[StudyData], given: Sequence[str]) -> tuple[StudyData, ...]:
    """Return the data sets of a study, with the given ones where it leaves them open.

    Raises:
        UsageError: If one is missing or superfluous.
    """
    open_names = [entry.name for entry in entries if not entry.set]
    sets: dict[str, str] = {}
    for text in given:
        prefix = next((name for name in open_names if text.startswith(f"{name}=")), "")
        if not prefix and (len(open_names) != 1 or _is_named(text)):
            count = counted(len(open_names), "data set")
            remedy = f"write NAME=SET; {nearest(text.partition('=')[0], open_names)}"
            raise UsageError(f"data {text!r}: {what} leaves {count} open; {remedy}")
        name = prefix or open_names[0]
        if name in sets:
            raise UsageError(f"data {text!r}: {name!r} is given twice; give it once")
        sets[name] = text.removeprefix(f"{prefix}=") if prefix else text
    for name in open_names:
        if not sets.get(name):
            value = "SET" if len(open_names) == 1 else f"'{name}=SET'"
            raise UsageError(f"{what}: which data set is {name!r}? add --data {value} (data= in Python)")
    return tuple(entry.model_copy(update={"set": entry.set or sets[entry.name]}) for entry in entries)


def _replaced(what: str, given: Sequence[str], reported: bool) -> tuple[StudyData, ...]:
    """Return the given data sets, in place of those that the study names itself.

    Raises:
        UsageError: If the study has reported numbers for its own sets, or two of the given ones have the same name.
    """
    if reported:
        raise UsageError(f"data {given[0]!r}: {what} has reported numbers for its own data sets; leave out --data")
    found: dict[str, StudyData] = {}
    for text in given:
        name, _, chosen = text.partition("=") if _is_named(text) else (text, "", text)
        if not name or not chosen:
            raise UsageError(f"data {text!r}: names nothing; write SET or NAME=SET")
        if name in found:
            raise UsageError(f"data {text!r}: {name!r} is given twice; give it once")
        found[name] = validate(StudyData, {"name": name, "set": chosen}, f"data {text!r}")
    return tuple(found.values())


def _is_named(text: str) -> bool:
    """Return whether a text is ``NAME=SET``; a folder, or a source with options, may also hold the sign."""
    name, sign, _ = text.partition("=")
    return bool(sign) and not {"(", "/", os.sep} & set(name) and not Path(text).exists()


def _entries(what: str, kind: str, options: Mapping[str, Any], field: str, model: type[E]) -> tuple[E, ...]:
    """Return the entries of one kind. A plain text is its own name; a data set left open has only a name."""
    given = options.get(kind) or []
    if not isinstance(given, list):
        raise UsageError(f'{what}: {kind} is not a list; write {kind} = ["..."], or [[{kind}]] with {field} = ...')
    if not given:
        raise UsageError(f"{what}: no {kind} given; add [[{kind}]] with {field} = ...")
    needed = {field, "name"} if model is StudyData else {field}
    entries: dict[str, E] = {}
    for number, item in enumerate(given, 1):
        where = f"{what}: {kind} {number}"
        values = {field: item} if isinstance(item, str) else item
        if not isinstance(values, dict) or not needed & values.keys():
            raise UsageError(f"{where}: it has no {field}; add {field} = ...")
        entry = validate(model, {"name": values.get(field), **values}, where)
        if entry.name in entries:
            raise UsageError(f"{where}: the name {entry.name!r} is taken; give it another name")
        entries[entry.name] = entry
    return tuple(entries.values())
