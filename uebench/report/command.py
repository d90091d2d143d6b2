"""The command that repeats the measurement of a record."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from uebench.data.foreign.method import Protected
from uebench.data.names import as_folder, folder_of
from uebench.errors import UebenchError
from uebench.grouping import grouped
from uebench.planning.identity import MethodIdentity, plugins_of
from uebench.planning.parts import SEEDLESS, attacker_parts, method_part
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.spec import Spec, parse
from uebench.store.record import Record
from uebench.store.record_parts import PluginRecord


def commands(records: Sequence[Record], registry: Registry) -> list[str]:
    """Return the commands that repeat measurements: one, unless method seeds have different attacker seeds.

    The text of a method or an attacker is that of the record if it means the same today; else its options are written
    out.

    Args:
        records: Records of one method against one attacker on one data set; at least one.
        registry: The plugins. A plugin that is not among them is written with all its options, and with ``FILE`` for
            the file that holds it.
    """
    first = records[0]
    words = ["uebench", "run", "--data", _data(first, registry), *_method(first, registry)]
    words += ["--attacker", _attacker(first, registry), "--preset", first.preset]
    for file in _plugin_files(first, registry):
        words += ["--plugin", file]
    runs = grouped(records, lambda record: record.method_seed)
    ranges = {method_seed: _range(record.seed for record in of_seed) for method_seed, of_seed in runs.items()}
    lines = []
    for attacker_range in dict.fromkeys(ranges.values()):
        method_range = _range(method_seed for method_seed in ranges if ranges[method_seed] == attacker_range)
        method_words = [] if first.method.name in SEEDLESS else ["--method-seed", method_range]
        lines.append(shlex.join([*words, *method_words, "--seed", attacker_range]))
    return lines


def _data(record: Record, registry: Registry) -> str:
    data = record.data
    defaults = _defaults("source", data.source, registry)
    options = {name: value for name, value in data.options.items() if (name, value) not in defaults.items()}
    if data.source != "folder":
        return str(Spec(data.source, options))
    folder = folder_of(data.name)
    return str(Spec("folder", {"path": folder, **options})) if options else as_folder(folder, registry)


def _method(record: Record, registry: Registry) -> list[str]:
    """Return the words that choose the method; a set made by other code is ``--protected NAME=FILE``."""
    if record.method.name != Protected.name:
        return ["--method", _method_text(record, registry)]
    file = next((asset.file for asset in record.assets), "FILE")
    name, defaults = record.method.config["name"], _defaults("method", Protected.name, registry)
    changed = {key: value for key, value in record.method.config.items() if (key, value) not in defaults.items()}
    if changed.keys() <= {"name"}:
        return ["--protected", f"{name}={file}"]
    return ["--method", str(Spec(Protected.name, {"file": file, "name": name, **changed}))]


def _method_text(record: Record, registry: Registry) -> str:
    labels = MethodIdentity.of(record).side_information
    try:
        part, side = method_part(registry, parse(record.written["method"]), record.preset)
        present_labels = {} if side.true else side.published()
        if (part.published()["config"], present_labels) == (record.method.config, labels):
            return record.written["method"]
    except UebenchError:
        pass
    return _spelled("method", record.method, record.preset, registry, labels)


def _attacker(record: Record, registry: Registry) -> str:
    try:
        parts = attacker_parts(registry, record.written["attacker"], record.preset)
        if [part.published()["config"] for part in parts] == [part.config for part in record.attacker]:
            return record.written["attacker"]
    except UebenchError:
        pass
    return spelled_attacker(record.attacker, record.preset, registry)


def spelled_attacker(parts: Sequence[PluginRecord], preset: str, registry: Registry) -> str:
    """Return the text of an attacker with those options that differ from today's preset.

    Args:
        parts: The architecture and its countermeasures, from a record.
        preset: The preset.
        registry: The plugins.
    """
    kinds: list[Kind] = ["attacker", *["countermeasure"] * (len(parts) - 1)]  # type: ignore[list-item]
    return "+".join(_spelled(kind, part, preset, registry) for kind, part in zip(kinds, parts, strict=True))


def _spelled(
    kind: Kind, part: PluginRecord, preset: str, registry: Registry, more: Mapping[str, Any] | None = None
) -> str:
    """Return the text of a plugin with those options that differ from today's preset.

    Args:
        kind: The kind of the plugin.
        part: The plugin, from a record.
        preset: The preset.
        registry: The plugins.
        more: Further options.
    """
    recorded, preset_config = part.config, {}
    try:
        preset_config = registry.build(kind, Spec(part.name), preset).config.published()
    except UebenchError:  # there is no such plugin, or it has required options
        pass
    else:
        defaults = _defaults(kind, part.name, registry)  # the record lacks options that were added later
        recorded, preset_config = defaults | recorded, defaults | preset_config
    options = {name: value for name, value in recorded.items() if (name, value) not in preset_config.items()}
    return str(Spec(part.name, {**options, **(more or {})}))


def _defaults(kind: Kind, name: str, registry: Registry) -> dict[str, Any]:
    if (kind, name) not in registry:
        return {}
    fields = registry.entry(kind, name).plugin.Config.model_fields
    return {name: field.get_default() for name, field in fields.items() if not field.is_required()}


def _plugin_files(record: Record, registry: Registry) -> list[str]:
    """Return the files of plugins: relative to the current folder if they are in it, else only their names."""
    files = []
    plugins: list[tuple[Kind, str]] = [("source", record.data.source)]
    plugins += [(kind, part.name) for kind, part in plugins_of(record)]
    for kind, name in plugins:
        if (kind, name) not in registry:
            files.append("FILE")
        elif (entry := registry.entry(kind, name)).is_plugin_file:
            inside = entry.source.is_relative_to(Path.cwd())
            files.append(str(entry.source.relative_to(Path.cwd())) if inside else entry.source.name)
    return list(dict.fromkeys(files))


def _range(seeds: Iterable[int]) -> str:
    """Return seeds in the syntax of ``--seed``: ``0-2``, ``0,2``."""
    numbered = enumerate(sorted(seeds))
    runs = [[seed for _, seed in run] for _, run in groupby(numbered, key=lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
