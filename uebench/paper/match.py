"""Match records with places of the paper's tables.

Records are compared with what the registry builds for a place today: method, options, attacker, side information,
preset and, if the files are present, weights. Unlike keys, this needs neither the photographs nor torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from uebench.analysis.selection import consistent_cells, independent, one_of_each_set
from uebench.errors import UsageError, nearest
from uebench.hashing import cached_file_digest, digest
from uebench.paper.place import MAIN, ROLES, TablePlace
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.planning.parts import REFERENCE, attacker_parts, method_part
from uebench.plugins import presets, questions
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import DataRecord
from uebench.store.store import Store


class DataName(NamedTuple):
    """A data set that records were made on: its name, and the digest of its images."""

    name: str
    key: str


Roles = Mapping[str, DataName]
"""The data set of each role."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record must hold to match a place.

    Attributes:
        digest: Digest of method, side information and attacker, from ``_digest``.
        weights: sha256 of the method's weights files that are present, by file name.
    """

    digest: str
    weights: Mapping[str, str]

    def fits(self, record: Record | ProtectionRecord) -> bool:
        """Return whether a record was made with these weights."""
        used = {asset.file: asset.sha256 for asset in record.assets}
        return all(used.get(file) == sha256 for file, sha256 in self.weights.items())


class Plugins:
    """The plugins that places of tables ask for under a preset."""

    def __init__(self, registry: Registry, preset: str, store: Store) -> None:
        """Keep the registry and the preset; the store has the weights of methods that are trained once."""
        self.registry, self.preset, self.store = registry, preset, store
        self.size = presets.get(preset).size
        self._weights = store.work.folder / "fitted"
        self._wanted: dict[tuple[str, str], Wanted] = {}

    def method(self, place: TablePlace, roles: Roles) -> str:
        """Return the method's text, with its weights file if it is trained on another set.

        Args:
            place: The place; the set that its method is trained on must be in ``roles``.
            roles: The data set of each role.
        """
        text = place.method.format(px8=max(1, round(8 * self.size / 224)))
        file = self.weights_file(place, roles)
        spec = parse(text)
        return str(Spec(spec.name, {**spec.options, "weights": str(file)})) if file else text

    def weights_file(self, place: TablePlace, roles: Roles) -> Path | None:
        """Return the weights file of a method that is trained once on another set; None for any other."""
        if place.trained_on in ("", place.role):
            return None
        spec = parse(place.method)
        part, _ = method_part(self.registry, spec, self.preset)
        data = roles[place.trained_on]
        return self._weights / f"{spec.name}-{data.name}-{digest([part.published(), data.key])[:8]}.safetensors"

    def wanted(self, method: str, attacker: str) -> Wanted:
        """Return what a record of this method and attacker must hold; without an attacker, one of a protected set."""
        if (method, attacker) not in self._wanted:
            part, side = method_part(self.registry, parse(method), self.preset)
            chain = [p.published() for p in attacker_parts(self.registry, attacker, self.preset)] if attacker else []
            files = [file for file in (*questions.assets(part.plugin, self.size), *side.assets()) if file.is_file()]
            own = MethodIdentity(part.published(), {} if side.true else side.published(), ())
            self._wanted[method, attacker] = Wanted(
                _digest(own, AttackerIdentity(chain)), {file.name: cached_file_digest(file) for file in files}
            )
        return self._wanted[method, attacker]


class RecordIndex:
    """The records of one preset, by data set and plugins.

    Attributes:
        plugins: The plugins that places ask for under the preset.
        sets: The data sets that the records were made on.
        cells: The records of cells.
        damaged: The files, of any preset, that were left out: damaged ones, and those that contradict most others.
    """

    def __init__(self, plugins: Plugins) -> None:
        """Read the store of ``plugins``."""
        self.plugins = plugins
        self._cells: dict[tuple[str, str], list[Record]] = {}
        self._protections: dict[tuple[str, str], list[ProtectionRecord | Record]] = {}
        self.sets: dict[DataName, DataRecord] = {}
        cells, self.damaged = consistent_cells(plugins.store)
        self.cells = independent(record for record in cells if record.preset == plugins.preset)
        listed = list(plugins.store.protections)
        self.damaged += [path for path, record in listed if record is None]
        protections = [record for _, record in listed if record and record.preset == plugins.preset]
        for cell in self.cells:
            of_cell = _digest(MethodIdentity.of(cell), AttackerIdentity.of(cell))
            self._cells.setdefault((cell.data_key, of_cell), []).append(cell)
        both: list[ProtectionRecord | Record] = [
            *sorted(protections, key=lambda record: record.method_seed),
            *sorted(self.cells, key=lambda record: record.method_seed),
        ]
        for record in both:
            self.sets.setdefault(DataName(record.data.name, record.data_key), record.data)
            of_set = _digest(MethodIdentity.of(record), AttackerIdentity(()))
            self._protections.setdefault((record.data_key, of_set), []).append(record)

    def cells_of(self, place: TablePlace, roles: Roles) -> list[Record]:
        """Return the records of a place's method against its attacker, one for each pair of seeds, in their order."""
        if not _has_sets(place, roles):
            return []
        return self._of(roles[place.role], self.plugins.method(place, roles), place.attacker)

    def clean_cells_of(self, place: TablePlace, roles: Roles) -> list[Record]:
        """Return the records of a place's attacker on unprotected images."""
        return self._of(roles[place.role], REFERENCE, place.attacker)

    def protections_of(self, place: TablePlace, roles: Roles) -> list[ProtectionRecord | Record]:
        """Return a record of each of a place's protected sets, else of a cell on it, the lowest method seed first."""
        if not _has_sets(place, roles):
            return []
        return self._sets_of(roles[place.role], self.plugins.method(place, roles))

    def clean_protections_of(self, place: TablePlace, roles: Roles) -> list[ProtectionRecord | Record]:
        """Return the record of a place's data set without protection, as if that were a protected set."""
        return self._sets_of(roles[place.role], REFERENCE)

    def is_measured(self, place: TablePlace, roles: Roles) -> bool:
        """Return whether what a place asks for is measured: a cell, a protected set, or just its data set."""
        if not place.method:
            return place.role in roles
        return bool(self.cells_of(place, roles) if place.attacker else self.protections_of(place, roles))

    def choose_sets(self, places: Iterable[TablePlace], given: Mapping[str, str]) -> dict[str, DataName]:
        """Choose the data set of each role: the named one, else one of the role's name, or any for the main role.

        Args:
            places: The places to show; of several sets, the one with records for most of them is chosen.
            given: Names of data sets by role.

        Raises:
            UsageError: If there is no record of a named set.
        """
        known = {data.name for data in self.sets}
        for name in given.values():
            if name not in known:
                preset = self.plugins.preset
                raise UsageError(f"data {name!r}: no record of that set at preset {preset}; {nearest(name, known)}")
        places = [place for place in places if not place.skip]
        chosen: dict[str, DataName] = {}
        for role in ROLES:
            name = given.get(role, role)
            candidates = [data for data in self.sets if data.name == name or (role == MAIN and role not in given)]
            measured: Counter[DataName] = Counter()
            for place in places:
                for data in candidates if place.role == role else ():
                    measured[data] += self.is_measured(place, {**chosen, role: data})
            if candidates:
                chosen[role] = max(sorted(candidates), key=lambda data: (measured[data], data.name == name))
        return chosen

    def _sets_of(self, data: DataName, method: str) -> list[ProtectionRecord | Record]:
        wanted = self.plugins.wanted(method, "")
        found = self._protections.get((data.key, wanted.digest), [])
        return one_of_each_set(one for one in found if wanted.fits(one))

    def _of(self, data: DataName, method: str, attacker: str) -> list[Record]:
        """Return the records of one method against one attacker, in the order of their seeds."""
        wanted = self.plugins.wanted(method, attacker)
        found = self._cells.get((data.key, wanted.digest), [])
        return [record for _, record in sorted({(r.method_seed, r.seed): r for r in found if wanted.fits(r)}.items())]


def address(spec: ProtectionSpec | CellSpec) -> tuple[str, str]:
    """Return the key of the data set and the digest of the plugins of a planned cell or protected set."""
    if isinstance(spec, CellSpec):
        return spec.data.key, _digest(spec.protection.identity, spec.identity)
    return spec.data.key, _digest(spec.identity, AttackerIdentity(()))


def _has_sets(place: TablePlace, roles: Roles) -> bool:
    return place.role in roles and (not place.trained_on or place.trained_on in roles)


def _digest(method: MethodIdentity, attacker: AttackerIdentity) -> str:
    """Return a digest of method, side information and attacker; ``Wanted.fits`` compares weights."""
    return digest([method.text_without_weights, attacker.text_without_weights])
