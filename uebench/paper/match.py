"""Which record belongs to which place.

Records are compared with what the registry builds for a place today: method, options, attacker, side information,
preset and, where the files are here, weights. Neither the photographs nor torch are needed, as they would be for keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from uebench.errors import UsageError, nearest
from uebench.hashing import digest, file_digest
from uebench.paper.tables import MAIN, ROLES, Place
from uebench.planning.cell import Cell, Protection
from uebench.planning.parts import REFERENCE, attacker_parts, method_part
from uebench.plugins import presets
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.store import Store


class DataName(NamedTuple):
    """A data set that records were made on: its name, and the digest of its images."""

    name: str
    key: str


Roles = Mapping[str, DataName]
"""Which data set fills which role."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record must publish: the digest of its plugins, and digests of weights that are here, by file name."""

    plugins: str
    assets: Mapping[str, str]

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Return whether the weights behind a record are those that are here."""
        used = {asset["file"]: asset["sha256"] for asset in record["assets"]}
        return all(used.get(file) == sha256 for file, sha256 in self.assets.items())


class Plugins:
    """What the registry builds for places under a preset."""

    def __init__(self, registry: Registry, preset: str, store: Store) -> None:
        """Take the registry and the preset; methods that are trained once leave their weights in the store."""
        self.registry, self.preset = registry, preset
        self.size = presets.get(preset).size
        self._weights = store.work / "fitted"
        self._wanted: dict[tuple[str, str], Wanted] = {}

    def method(self, place: Place, roles: Roles) -> str:
        """Return the method's text, with its weights file where it is trained on another set.

        Args:
            place: The place; the set that it is trained on must be in ``roles``.
            roles: The data sets.
        """
        text = place.method.format(px8=max(1, round(8 * self.size / 224)))
        file = self.weights_file(place, roles)
        spec = parse(text)
        return str(Spec(spec.name, {**spec.options, "weights": str(file)})) if file else text

    def weights_file(self, place: Place, roles: Roles) -> Path | None:
        """Return where the weights of a method lie that is trained once; None if it need not be."""
        if not place.trained_on:
            return None
        spec = parse(place.method)
        part, _ = method_part(self.registry, spec, self.preset)
        if place.trained_on == place.role and part.plugin.assets(self.size):
            return None
        data = roles[place.trained_on]
        return self._weights / f"{spec.name}-{data.name}-{digest([part.published(), data.key])[:8]}.safetensors"

    def wanted(self, method: str, attacker: str) -> Wanted:
        """Return what a record of this duel publishes; without an attacker, what its protected set does."""
        if (method, attacker) not in self._wanted:
            part, side = method_part(self.registry, parse(method), self.preset)
            chain = [p.published() for p in attacker_parts(self.registry, attacker, self.preset)] if attacker else []
            files = [file for file in (*part.plugin.assets(self.size), *side.assets()) if file.is_file()]
            labels = None if side.true else side.published()
            self._wanted[method, attacker] = Wanted(
                _address(part.published(), labels, chain), {file.name: file_digest(file) for file in files}
            )
        return self._wanted[method, attacker]


class Records:
    """The records of one preset, by data set and plugins."""

    def __init__(self, store: Store, preset: str) -> None:
        """Read the store."""
        self._cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._facts: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.sets: dict[DataName, dict[str, Any]] = {}
        cells = [record for _, record in store.cells() if record and _is_of(record, preset)]
        for record in cells:
            self._cells.setdefault((record["data_key"], _of(record, record["attacker"])), []).append(record)
        for facts in (*(facts for _, facts in store.protections() if facts and _is_of(facts, preset)), *cells):
            self.sets.setdefault(DataName(facts["data"]["name"], facts["data_key"]), facts["data"])
            self._facts.setdefault((facts["data_key"], _of(facts, [])), []).append(facts)

    def cells(self, data: DataName, wanted: Wanted) -> list[dict[str, Any]]:
        """Return the records of a duel, by seed, one each."""
        found = self._cells.get((data.key, wanted.plugins), [])
        return [record for _, record in sorted({r["seed"]: r for r in found if wanted.fits(r)}.items())]

    def facts(self, data: DataName, wanted: Wanted) -> dict[str, Any] | None:
        """Return what is known of a protected set, or None."""
        return next((facts for facts in self._facts.get((data.key, wanted.plugins), []) if wanted.fits(facts)), None)


def choose(
    places: Iterable[Place], records: Records, plugins: Plugins, given: Mapping[str, str]
) -> dict[str, DataName]:
    """Choose the data set of each role: the named one, else one of the role's name; any for the main role.

    Args:
        places: What is to be filled; of several sets, the one that fills most of them is taken.
        records: The records.
        plugins: What they are compared with.
        given: Names of data sets by role.

    Raises:
        UsageError: If there is no record of a named set.
    """
    known = {data.name for data in records.sets}
    for name in given.values():
        if name not in known:
            raise UsageError(f"--data {name}: no record of that set at preset {plugins.preset}; {nearest(name, known)}")
    places = [place for place in places if not place.skip]
    chosen: dict[str, DataName] = {}
    for role in ROLES:
        name = given.get(role, role)
        able = [data for data in records.sets if data.name == name or (role == MAIN and role not in given)]
        filled: Counter[DataName] = Counter()
        for place in places:
            for data in able if place.role == role else ():
                filled[data] += bool(found(place, {**chosen, role: data}, records, plugins))
        if able:
            chosen[role] = max(sorted(able), key=lambda data: (filled[data], data.name == name))
    return chosen


def found(place: Place, roles: Roles, records: Records, plugins: Plugins) -> list[dict[str, Any]]:
    """Return the records of a place: of its seeds, or the facts of its protected set, or of its data set."""
    data = roles.get(place.role)
    if data is None or (place.trained_on and place.trained_on not in roles):
        return []
    if not place.method:
        return [records.sets[data]]
    wanted = plugins.wanted(plugins.method(place, roles), place.attacker)
    if place.attacker:
        return records.cells(data, wanted)
    facts = records.facts(data, wanted)
    return [facts] if facts else []


def reference(place: Place, roles: Roles, records: Records, plugins: Plugins) -> list[dict[str, Any]]:
    """Return the records of a place's attacker on unprotected images."""
    return records.cells(roles[place.role], plugins.wanted(REFERENCE, place.attacker))


def address(one: Protection) -> tuple[str, str]:
    """Return the data set and the plugins of a planned cell or protected set, as places have them."""
    chain = (one.attacker, *one.countermeasures) if isinstance(one, Cell) else ()
    labels = None if one.side.true else one.side.published()
    return one.dataset.key, _address(one.method.published(), labels, [part.published() for part in chain])


def _of(record: Mapping[str, Any], chain: list[dict[str, Any]]) -> str:
    return _address(record["method"], record.get("side_information"), chain)


def _address(method: Mapping[str, Any], side: Mapping[str, Any] | None, chain: list[dict[str, Any]]) -> str:
    labels = [side["labels"], side.get("embedding")] if side else None
    return digest([method, labels, chain])


def _is_of(record: Mapping[str, Any], preset: str) -> bool:
    return (record["preset"], record["method_seed"]) == (preset, 0)
