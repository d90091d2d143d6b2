"""The command that measures a cell again, as a record knows it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from uebench.data.labels import folder_of
from uebench.errors import UebenchError
from uebench.planning.identity import MethodIdentity
from uebench.planning.parts import REFERENCE, attacker_parts, method_part
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.record import Record
from uebench.store.record_parts import PluginRecord


def commands(records: Sequence[Record], registry: Registry) -> list[str]:
    """Return the commands that measure cells again: one, unless method seeds met different attacker seeds.

    A method or an attacker stays as it was written if this means the same today. Else its options are written out.

    Args:
        records: One or more, of one method against one attacker on one data set.
        registry: Where plugins are named; one that is not there is written with all its options.
    """
    first = records[0]
    words = ["uebench", "run", "--data", _data(first, registry), "--method", _method(first, registry)]
    words += ["--attacker", _attacker(first, registry), "--preset", first.preset]
    seeds: dict[int, list[int]] = {}
    for record in records:
        seeds.setdefault(record.method_seed, []).append(record.seed)
    met = {method_seed: _range(of_attacker) for method_seed, of_attacker in seeds.items()}
    lines = []
    for of_attacker in dict.fromkeys(met.values()):
        of_method = _range(one for one in met if met[one] == of_attacker)
        more = [] if first.method.name == REFERENCE else ["--method-seed", of_method]
        lines.append(shlex.join([*words, *more, "--seed", of_attacker]))
    return lines


def _data(record: Record, registry: Registry) -> str:
    data = record.data
    defaults = _defaults("source", data.source, registry)
    options = {name: value for name, value in data.options.items() if (name, value) not in defaults.items()}
    if data.source != "folder":
        return str(Spec(data.source, options))
    folder = folder_of(data.name)
    return str(Spec("folder", {"path": folder, **options})) if options else folder


def _method(record: Record, registry: Registry) -> str:
    try:
        part, side = method_part(registry, parse(record.written["method"]), record.preset)
        known = {} if side.true else side.published()
        if (part.published()["config"], known) == (record.method.config, MethodIdentity.of(record).side_information):
            return record.written["method"]
    except UebenchError:
        pass
    labels = MethodIdentity.of(record).side_information
    return _spelled("method", record.method, record.preset, registry, labels)


def _attacker(record: Record, registry: Registry) -> str:
    try:
        parts = attacker_parts(registry, record.written["attacker"], record.preset)
        if [part.published()["config"] for part in parts] == [part.config for part in record.attacker]:
            return record.written["attacker"]
    except UebenchError:
        pass
    kinds = ["attacker", *["countermeasure"] * (len(record.attacker) - 1)]
    return "+".join(
        _spelled(kind, part, record.preset, registry) for kind, part in zip(kinds, record.attacker, strict=True)
    )


def _spelled(
    kind: str, part: PluginRecord, preset: str, registry: Registry, more: Mapping[str, Any] | None = None
) -> str:
    """Return a plugin with the options that its preset does not give it today."""
    then, now = part.config, {}
    try:
        now = registry.build(kind, Spec(part.name), preset).config.published()
    except UebenchError:  # it is not there, or an option must be given
        pass
    else:
        defaults = _defaults(kind, part.name, registry)  # of options that were added later
        then, now = defaults | then, defaults | now
    options = {name: value for name, value in then.items() if (name, value) not in now.items()}
    return str(Spec(part.name, {**options, **(more or {})}))


def _defaults(kind: str, name: str, registry: Registry) -> dict[str, Any]:
    if (kind, name) not in registry:
        return {}
    fields = registry.entry(kind, name).plugin.Config.model_fields
    return {name: field.get_default() for name, field in fields.items() if not field.is_required()}


def _range(seeds: Iterable[int]) -> str:
    """Return seeds as ``--seed`` reads them: ``0-2``, ``0,2``."""
    places = enumerate(sorted(seeds))
    runs = [[seed for _, seed in run] for _, run in groupby(places, key=lambda place: place[1] - place[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
